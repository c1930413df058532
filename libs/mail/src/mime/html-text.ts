import { htmlEntity } from './html-entity.ts';

/** Elements that do not part words: `b<b>ol</b>d` reads `bold`. All others count as a blank. */
const INLINE = new Set(
  'a abbr b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var wbr'.split(
    ' ',
  ),
);

/** Elements whose content is no text. */
const HIDDEN = new Set(['script', 'style']);

/** Longer names and entities are none. */
const MAX_NAME = 24;
const MAX_ENTITY = 32;

type State = 'text' | 'tag' | 'comment' | 'hidden';

/**
 * Takes the text out of HTML, piece by piece, for searching: tags, comments, scripts and styles fall away, entities are
 * resolved, runs of blanks become one space. It is no parser; it is linear in any input and holds a few characters.
 */
export class HtmlText {
  private state: State = 'text';
  private hiddenName = '';
  private held = '';
  private afterBlank = true;

  push(html: string): string {
    return this.read(this.held + html, false);
  }

  finish(): string {
    return this.read(this.held, true);
  }

  private read(html: string, final: boolean): string {
    const pieces: string[] = [];
    let at = 0;
    this.held = '';
    while (at < html.length) {
      const next = this.step(html, at, final, pieces);
      if (next === -1) {
        this.held = html.slice(at);
        break;
      }
      at = next;
    }
    return this.collapse(pieces.join(''));
  }

  /** Handles what begins at `at` and gives where to go on; -1: more must be seen. */
  private step(html: string, at: number, final: boolean, pieces: string[]): number {
    switch (this.state) {
      case 'text':
        return this.text(html, at, final, pieces);
      case 'tag': {
        const end = html.indexOf('>', at);
        if (end === -1) return html.length;
        this.state = this.hiddenName === '' ? 'text' : 'hidden';
        return end + 1;
      }
      case 'comment':
        return this.leave(html, at, '-->', final);
      case 'hidden':
        return this.hidden(html, at, final);
    }
  }

  private text(html: string, at: number, final: boolean, pieces: string[]): number {
    const code = html.charCodeAt(at);
    if (code === 60) return this.openTag(html, at, final, pieces);
    if (code === 38) return entity(html, at, final, pieces);
    let end = at;
    while (end < html.length) {
      const next = html.charCodeAt(end);
      if (next === 60 || next === 38) break;
      end++;
    }
    pieces.push(html.slice(at, end));
    return end;
  }

  private openTag(html: string, at: number, final: boolean, pieces: string[]): number {
    if (html.startsWith('<!--', at)) {
      this.state = 'comment';
      return at + 4;
    }
    const nameStart = html[at + 1] === '/' ? at + 2 : at + 1;
    let nameEnd = nameStart;
    while (nameEnd < html.length && nameEnd - nameStart < MAX_NAME && isNameChar(html.charCodeAt(nameEnd))) nameEnd++;
    const isOpen = nameEnd === html.length && nameEnd - nameStart < MAX_NAME;
    if (!final && (isOpen || '<!--'.startsWith(html.slice(at)))) return -1;
    // A name begins with a letter: `<3` is text.
    const name = isLetter(html.charCodeAt(nameStart)) ? html.slice(nameStart, nameEnd).toLowerCase() : '';
    const mark = html[at + 1];
    if (name === '' && mark !== '!' && mark !== '?' && mark !== '/') {
      pieces.push('<');
      return at + 1;
    }
    if (!INLINE.has(name)) pieces.push(' ');
    this.hiddenName = nameStart === at + 1 && HIDDEN.has(name) ? name : '';
    this.state = 'tag';
    return nameEnd;
  }

  private hidden(html: string, at: number, final: boolean): number {
    const start = html.indexOf('</', at);
    if (start === -1) {
      // A last `<` may begin the end tag.
      if (final || !html.endsWith('<')) return html.length;
      return at < html.length - 1 ? html.length - 1 : -1;
    }
    const nameEnd = start + 2 + this.hiddenName.length;
    if (nameEnd > html.length && !final) return start > at ? start : -1;
    if (html.slice(start + 2, nameEnd).toLowerCase() !== this.hiddenName) return start + 2;
    this.hiddenName = '';
    this.state = 'tag';
    return nameEnd;
  }

  private leave(html: string, at: number, end: string, final: boolean): number {
    const found = html.indexOf(end, at);
    if (found !== -1) {
      this.state = 'text';
      return found + end.length;
    }
    const tail = Math.max(at, html.length - end.length + 1);
    if (final) return html.length;
    return tail > at ? tail : -1;
  }

  private collapse(text: string): string {
    let collapsed = text.replace(/[ \t\r\n\f\u00a0]+/g, ' ');
    if (this.afterBlank && collapsed.startsWith(' ')) collapsed = collapsed.slice(1);
    if (collapsed !== '') this.afterBlank = collapsed.endsWith(' ');
    return collapsed;
  }
}

function entity(html: string, at: number, final: boolean, pieces: string[]): number {
  let end = at + 1;
  while (end < html.length && end - at < MAX_ENTITY && isEntityChar(html.charCodeAt(end))) end++;
  if (end === html.length && end - at < MAX_ENTITY && !final) return -1;
  const text = html[end] === ';' ? htmlEntity(html.slice(at + 1, end)) : undefined;
  if (text === undefined) {
    pieces.push('&');
    return at + 1;
  }
  pieces.push(text);
  return end + 1;
}

function isLetter(code: number): boolean {
  return (code > 96 && code < 123) || (code > 64 && code < 91);
}

function isNameChar(code: number): boolean {
  return (
    (code > 96 && code < 123) || (code > 64 && code < 91) || (code > 47 && code < 58) || code === 45 || code === 58
  );
}

function isEntityChar(code: number): boolean {
  return code === 35 || (isNameChar(code) && code !== 45 && code !== 58);
}
