/** The part of JSON Schema that bending reads. */
interface Shape {
  type?: unknown; properties?: Record<string, Shape>; items?: Shape; anyOf?: Shape[]; enum?: readonly unknown[]; default?: unknown;
}

const TRUE = new Set(['true', 'yes', '是']);
const FALSE = new Set(['false', 'no', '否']);

/**
 * Bends what models often send into the form that was asked for: `null` becomes absent, words become booleans, numeric texts numbers,
 * one item a list, enumeration values lose case and spaces. What does not bend stays and fails the schema.
 */
export function bendToShape(schema: object, value: unknown): unknown {
  // Our own schemas made this; keywords that are not read here do no harm.
  return bend(schema as Shape, value);
}

function bend(shape: Shape, value: unknown): unknown {
  if (shape.anyOf !== undefined) return value;
  if (shape.enum !== undefined) return bendWord(shape.enum, value);
  switch (shape.type) {
    case 'object': return bendObject(shape, value);
    case 'array': return bendList(shape, value);
    case 'boolean': return bendBoolean(value);
    case 'integer':
    case 'number': return typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
    case 'string': return typeof value === 'number' ? String(value) : value;
    default: return value;
  }
}

function bendObject(shape: Shape, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const known = shape.properties ?? {};
  return Object.fromEntries(Object.entries(value).flatMap(([name, item]) => {
    const part = Object.hasOwn(known, name) ? known[name] : undefined;
    if (part === undefined) return [[name, item]];
    return item === null ? [] : [[name, bend(part, item)]];
  }));
}

function bendList(shape: Shape, value: unknown): unknown {
  const items = Array.isArray(value) ? value : [value];
  if (!Array.isArray(value) && typeof value !== 'string') return value;
  return items.filter((item) => item !== '' && item !== null).map((item) => (shape.items === undefined ? item : bend(shape.items, item)));
}

function bendBoolean(value: unknown): unknown {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : null;
  if (word === null) return value;
  return TRUE.has(word) ? true : FALSE.has(word) ? false : value;
}

function bendWord(options: readonly unknown[], value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const fold = (word: string): string => word.toLowerCase().replace(/[\s_-]+/g, '');
  return options.find((option) => typeof option === 'string' && fold(option) === fold(value)) ?? value;
}
