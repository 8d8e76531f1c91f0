/**
 * Numbers as they were written. JavaScript has one kind, of about 16 digits: what does not fit is changed, and JSON of
 * it goes out changed. So what somebody writes is looked at as text first. Pure.
 */

/** Of JSON: strings, in which digits mean nothing, and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Why a number cannot be sent as it was written, and what could; undefined where it can. What is no number can. */
export function inexact(literal: string): string | undefined {
  const value = Number(literal);
  if (Number.isNaN(value)) return undefined;
  if (!Number.isFinite(value)) return `${literal} is larger than any number that can be sent. Write it as a text: "${literal}".`;
  const [written, sent] = [decimal(literal), decimal(String(value))];
  if (written === sent) return undefined;
  return `${literal} has more digits than a number keeps: it would be sent as ${value}. Write that, or a text: "${literal}".`;
}

/** The first number in a JSON text that would be changed, with its line. */
export function firstInexact(text: string): string | undefined {
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    const problem = token.startsWith('"') ? undefined : inexact(token);
    if (problem) return `Line ${text.slice(0, index).split('\n').length}: ${problem}`;
  }
  return undefined;
}

/** One text for equal numbers: their digits, without zeros at either end, and where the point is. */
function decimal(literal: string): string {
  const [, sign = '', whole = '', part = '', exponent = '0'] = /^\s*([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?\s*$/.exec(literal) ?? [];
  const digits = (whole + part).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const scale = Number(exponent) - part.length + digits.length - significant.length;
  return `${sign === '-' ? '-' : ''}${significant}e${scale}`;
}
