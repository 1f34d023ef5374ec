import { expect, it } from 'vitest';
import { choosePreload, hidesPreload, importedModules } from './preload.ts';

it.each([
  ['import numpy as np, pandas', ['numpy', 'pandas']],
  ['from matplotlib import pyplot as plt', ['matplotlib']],
  ['  import matplotlib.pyplot as plt  # comment', ['matplotlib']],
  ['from . import helper\nx = "import nothing"', []],
  ['import a; import b', ['a']],
])('reads the imports of %j', (code, modules) => {
  expect(importedModules(code)).toEqual(modules);
});

it.each([
  ['auto' as const, [], ['numpy', 'pandas']],
  ['auto' as const, ['os', 'openpyxl', 'matplotlib'], ['matplotlib.pyplot', 'openpyxl']],
  [[], ['numpy'], []],
  [['json'], ['numpy'], ['json']],
])('preloads for %j with %j', (setting, imported, expected) => {
  expect(choosePreload(setting, imported)).toEqual(expected);
});

it('sees a file or folder that hides a preloaded module', () => {
  expect(hidesPreload(['data.csv', 'pandas.py'], ['pandas'])).toBe(true);
  expect(hidesPreload(['matplotlib'], ['matplotlib.pyplot'])).toBe(true);
  expect(hidesPreload(['pandas.csv', 'my_pandas.py'], ['pandas'])).toBe(false);
});
