/** Applies carriage returns and backspaces as a terminal would, line by line; what they overwrite is gone. Linear in the text. */
export function applyTerminal(text: string): string {
  if (!text.includes('\r') && !text.includes('\b')) return text;
  return text.replaceAll('\r\n', '\n').split('\n').map(applyLine).join('\n');
}

function applyLine(line: string): string {
  if (!line.includes('\r') && !line.includes('\b')) return line;
  const shown: string[] = [];
  let at = 0;
  for (const character of line) {
    if (character === '\r') at = 0;
    else if (character === '\b') at = Math.max(0, at - 1);
    else {
      shown[at] = character;
      at += 1;
    }
  }
  return shown.join('');
}

// oxlint-disable-next-line no-control-regex -- colour sequences begin with an escape
const COLOUR = /\u001b\[[0-9;]*m/g;

/** A text without colour. */
export function withoutColour(text: string): string {
  return text.replace(COLOUR, '');
}
