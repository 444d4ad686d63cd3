// The encoder of a network of texts: from a text to ids, and where each of them comes from.
import { need } from "../../../../reports/explain/script/arrays.js";
import {
  aligned,
  byRuns,
  isOf,
  isWhite,
  knowCharacters,
  LETTER,
  NUMBER,
  unpackRuns,
  utf8Of,
  writable,
} from "./characters.js";
import { bytesReader, entriesReader, FIRST, gramsReader, UNKNOWN } from "./grams.js";
import { APOSTROPHE } from "./words.js";
/** @import { Pair } from "../../../../reports/explain/script/types.js" */
/** @import { Aligned, Encoder, EncoderFacts, Found, MergesFacts, PiecesFacts, Reader, UnigramFacts } from "./types.js" */

// Sub-words: byte-level byte-pair encoding, by its merges alone.
//
// A text is first cut into runs of letters, of numbers and of anything else, each with the space before it.
// Of the neighbouring tokens of a run the pair whose merge was learnt first is joined, the leftmost of several,
// until no merge is left.
//
// Source: Sennrich, Haddow, Birch 2016, Neural Machine Translation of Rare Words with Subword Units.

const BYTES = 256;
const SPACE_POINT = 0x20;
const QUESTION_MARK = 0x3f;

/** Endings behind an apostrophe that are cut off with it, whatever follows. */
const ENDINGS = ["s", "t", "re", "ve", "m", "ll", "d"].map((ending) =>
  Array.from(ending, (letter) => letter.charCodeAt(0)),
);

/** @param {MergesFacts} facts @returns {Reader} */
function subWordsReader({ merges }) {
  const learnt = mergesOf(merges);
  return (text) => {
    const even = evenlySpaced(aligned(text));
    return runsOf(even.points).flatMap(([start, end]) => tokensOf(learnt, even, start, end));
  };
}

/**
 * What each pair of tokens becomes, and when that was learnt; two merges may give the same token.
 * @param {Pair[]} merges
 */
function mergesOf(merges) {
  const spelt = Array.from({ length: BYTES }, (_, byte) => String.fromCharCode(byte));
  const numbers = new Map(spelt.map((token, number) => [token, number]));
  /** @type {Map<number, { rank: number, token: number }>} */
  const learnt = new Map();
  merges.forEach(([first, second], rank) => {
    const token = spelt[first] + spelt[second];
    if (!numbers.has(token)) {
      numbers.set(token, spelt.length);
      spelt.push(token);
    }
    learnt.set(pairOf(first, second), { rank, token: /** @type {number} */ (numbers.get(token)) });
  });
  return learnt;
}

/**
 * One space for all white space between words, none at the ends, and a question mark for half of a pair of
 * surrogates.
 * @param {Aligned} text @returns {Aligned}
 */
function evenlySpaced({ points, starts, ends }) {
  /** @type {Aligned} */
  const even = { points: [], starts: [], ends: [] };
  points.forEach((point, at) => {
    if (isWhite(point)) return;
    if (even.points.length && isWhite(points[at - 1])) {
      even.points.push(SPACE_POINT);
      even.starts.push(starts[at - 1]);
      even.ends.push(ends[at - 1]);
    }
    even.points.push(point >= 0xd800 && point <= 0xdfff ? QUESTION_MARK : point);
    even.starts.push(starts[at]);
    even.ends.push(ends[at]);
  });
  return even;
}

/** Runs of letters, of numbers and of anything else, where each begins and ends. @param {number[]} points */
function runsOf(points) {
  /** @type {Pair[]} */
  const runs = [];
  let start = 0;
  while (start < points.length) {
    const end = endingEnd(points, start) || runEnd(points, start);
    runs.push([start, end]);
    start = end;
  }
  return runs;
}

/**
 * The end of an ending behind an apostrophe; 0 where there is none.
 * @param {number[]} points @param {number} start
 */
function endingEnd(points, start) {
  if (points[start] !== APOSTROPHE) return 0;
  const found = ENDINGS.find((ending) => ending.every((letter, at) => points[start + 1 + at] === letter));
  return found ? start + 1 + found.length : 0;
}

/** @param {number[]} points @param {number} start */
function runEnd(points, start) {
  const first = points[start] === SPACE_POINT && start + 1 < points.length ? start + 1 : start;
  const sort = sortOf(points[first]);
  let end = first + 1;
  while (end < points.length && points[end] !== SPACE_POINT && sortOf(points[end]) === sort) end += 1;
  return end;
}

/** @param {number} point */
const sortOf = (point) => (isOf(point, LETTER) ? LETTER : isOf(point, NUMBER) ? NUMBER : 0);

/**
 * The tokens of one run.
 * @param {ReturnType<typeof mergesOf>} learnt @param {Aligned} text @param {number} start @param {number} end
 * @returns {Found[]}
 */
function tokensOf(learnt, { points, starts, ends }, start, end) {
  /** @type {Found[]} */
  let parts = [];
  for (let at = start; at < end; at += 1) {
    for (const id of utf8Of(points[at])) parts.push({ id, start: starts[at], end: ends[at] });
  }
  for (;;) {
    const ranks = parts.slice(1).map(({ id }, at) => rankOf(learnt, parts[at].id, id));
    const best = ranks.reduce((least, rank) => Math.min(least, rank), Infinity);
    if (best === Infinity) return parts.map((part) => ({ ...part, id: FIRST + part.id }));
    parts = joinedOnce(learnt, parts, ranks, best);
  }
}

/** @param {ReturnType<typeof mergesOf>} learnt @param {number} first @param {number} second */
const rankOf = (learnt, first, second) => learnt.get(pairOf(first, second))?.rank ?? Infinity;

/**
 * Parts where every pair of one rank is joined, from the left on, until joining makes a pair that was learnt
 * earlier, which then comes first.
 * @param {ReturnType<typeof mergesOf>} learnt @param {Found[]} parts
 * @param {number[]} ranks of each part with the next @param {number} best
 */
function joinedOnce(learnt, parts, ranks, best) {
  /** @type {Found[]} */
  const made = [];
  let isOver = false;
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at];
    if (isOver || ranks[at] !== best) made.push(part);
    else {
      const next = parts[at + 1];
      const { token } = need(learnt.get(pairOf(part.id, next.id)));
      const before = made.length ? rankOf(learnt, made[made.length - 1].id, token) : Infinity;
      const behind = at + 2 < parts.length ? rankOf(learnt, token, parts[at + 2].id) : Infinity;
      isOver = Math.min(before, behind) < best;
      made.push({ id: token, start: part.start, end: next.end });
      at += 1;
    }
  }
  return made;
}

/**
 * One number for two tokens; a vocabulary holds at most a million.
 * @param {number} first @param {number} second
 */
const pairOf = (first, second) => first * 2 ** 20 + second;

// Word pieces: BERT's way to split texts, by a plain list of pieces.
//
// What becomes of each character before (dropped, a space, without its accents and capitals) comes with the page,
// from the library that the network was trained with, so that no browser's idea of Unicode matters.
//
// Source: Devlin et al. 2019, arXiv:1810.04805; Wu et al. 2016, arXiv:1609.08144, for the pieces.

const KEPT = 0;
const DROPPED = 1;
const WHITE = 2;
const SPACED = 3;
const SYLLABLE = 4;
const LISTED = 5;
const PUNCTUATION = 8;

const ALL_POINTS = 0x110000;
const LONGEST_WORD = 100;

/** @typedef {{ text: string, start: number, end: number }} Piece of the text, as it is read */

/** @param {PiecesFacts} facts @returns {Reader} */
function piecesReader({ entries, read, listed }) {
  const ids = new Map(entries.map((entry, at) => [entry, FIRST + at]));
  const table = tableOf(read);
  return (text) => bertWords(writable(text), table, listed).flatMap((word) => piecesOf(word, ids));
}

/** @param {string} packed runs of a byte for the kind and the length, as for kinds of characters */
function tableOf(packed) {
  const table = new Uint8Array(ALL_POINTS);
  unpackRuns(packed, (kind, start, end) => table.fill(kind, start, end));
  return table;
}

/**
 * Words, each a list of its characters; punctuation is a word by itself.
 * @param {string} text @param {Uint8Array} table @param {Record<string, string>} listed
 */
function bertWords(text, table, listed) {
  /** @type {Piece[][]} */
  const words = [];
  /** @type {Piece[]} */
  let word = [];
  const close = () => {
    if (word.length) words.push(word);
    word = [];
  };
  for (const { text: letter, start, end } of readLetters(text, table, listed)) {
    if (letter === " ") close();
    else if (table[/** @type {number} */ (letter.codePointAt(0))] & PUNCTUATION) {
      close();
      words.push([{ text: letter, start, end }]);
    } else word.push({ text: letter, start, end });
  }
  close();
  return words;
}

/**
 * The characters of a text as they are read, each with where it comes from.
 * @param {string} text @param {Uint8Array} table @param {Record<string, string>} listed
 */
function readLetters(text, table, listed) {
  /** @type {Piece[]} */
  const letters = [];
  let start = 0;
  for (const character of text) {
    const end = start + character.length;
    const kind = table[/** @type {number} */ (character.codePointAt(0))] & 7;
    for (const letter of becomes(character, kind, listed)) letters.push({ text: letter, start, end });
    start = end;
  }
  return letters;
}

/**
 * What is read of a character.
 * @param {string} character @param {number} kind @param {Record<string, string>} listed
 */
function becomes(character, kind, listed) {
  switch (kind) {
    case KEPT:
      return character;
    case DROPPED:
      return "";
    case WHITE:
      return " ";
    case SPACED:
      return ` ${character} `;
    case SYLLABLE:
      return character.normalize("NFD");
    case LISTED:
      return listed[character];
    default:
      throw new Error(`characters: ${kind} is no kind`);
  }
}

/**
 * The longest pieces of a word, one after the other; one that cannot be read to its end is unknown.
 * @param {Piece[]} word @param {Map<string, number>} ids @returns {Found[]}
 */
function piecesOf(word, ids) {
  const { start } = word[0];
  const { end } = word[word.length - 1];
  const unknown = [{ id: UNKNOWN, start, end }];
  if (word.length > LONGEST_WORD) return unknown;
  /** @type {Found[]} */
  const found = [];
  let from = 0;
  while (from < word.length) {
    let to = word.length;
    /** @type {number | undefined} */
    let id;
    for (; to > from; to -= 1) {
      const piece = word.slice(from, to).map(({ text }) => text);
      id = ids.get((from ? "##" : "") + piece.join(""));
      if (id !== undefined) break;
    }
    if (id === undefined) return unknown;
    found.push({ id, start: word[from].start, end: word[to - 1].end });
    from = to;
  }
  return found;
}

// Unigram pieces: of all ways to cut a word the most probable one.
//
// Source: Kudo 2018, arXiv:1804.10959, section 3.2.

/** What every word begins with, in the place of the space before it. */
const WORD_START = "\u2581";

/** @param {UnigramFacts} facts @returns {Reader} */
function unigramReader({ entries, scores, unknown, replaced }) {
  const ids = new Map(entries.map((entry, at) => [entry, FIRST + at]));
  /** @type {Map<string, number>} of every piece, and 0 of what is only the beginning of one */
  const sums = new Map();
  entries.forEach((entry, at) => {
    if (!scores[at]) return;
    let begun = "";
    for (const letter of entry) {
      begun += letter;
      if (!sums.has(begun)) sums.set(begun, 0);
    }
    sums.set(entry, scores[at]);
  });
  /** @param {string} text */
  const read = (text) =>
    byRuns(Array.from(text, (letter) => replaced[letter] ?? letter).join(""), (run) => run.normalize("NFC"));
  return (text) => {
    const { points, starts, ends } = aligned(writable(text), read);
    const letters = points.map((point) => String.fromCodePoint(point));
    /** @type {Found[]} */
    const found = [];
    for (const [from, to] of spacedWords(letters)) {
      const word = [WORD_START, ...letters.slice(from, to)];
      for (const [start, end] of bestCut(word, sums, unknown)) {
        const id = ids.get(word.slice(start, end).join("")) ?? UNKNOWN;
        const first = starts[from + Math.max(start, 1) - 1];
        const last = end > 1 ? ends[from + end - 2] : first;
        const before = start ? found[found.length - 1] : undefined;
        if (id === UNKNOWN && before?.id === UNKNOWN) before.end = last;
        else found.push({ id, start: first, end: last });
      }
    }
    return found;
  };
}

/** What lies between spaces, where it begins and ends. @param {string[]} letters */
function spacedWords(letters) {
  /** @type {Pair[]} */
  const words = [];
  let from = 0;
  [...letters, " "].forEach((letter, at) => {
    if (letter !== " " && letter !== WORD_START) return;
    if (at > from) words.push([from, at]);
    from = at + 1;
  });
  return words;
}

/**
 * Where each piece begins and ends of the way to cut letters whose sum is largest.
 * @param {string[]} letters @param {Map<string, number>} sums @param {number} unknown @returns {Pair[]}
 */
function bestCut(letters, sums, unknown) {
  const best = [0, ...letters.map(() => -Infinity)];
  const came = best.map(() => 0);
  letters.forEach((letter, start) => {
    /** @param {number} end @param {number} sum */
    const reach = (end, sum) => {
      if (sum > best[end]) [best[end], came[end]] = [sum, start];
    };
    if (!sums.get(letter)) reach(start + 1, best[start] + unknown);
    let piece = "";
    for (let end = start + 1; end <= letters.length; end += 1) {
      piece += letters[end - 1];
      const sum = sums.get(piece);
      if (sum === undefined) break;
      if (sum) reach(end, best[start] + sum);
    }
  });
  /** @type {Pair[]} */
  const pieces = [];
  for (let end = letters.length; end > 0; end = came[end]) pieces.unshift([came[end], end]);
  return pieces;
}

// The encoder of a network of texts: from a text to ids, and where each of them is in it.

/** @type {{ [K in EncoderFacts["kind"]]: (facts: Extract<EncoderFacts, { kind: K }>) => Reader }} */
const readers = {
  words: entriesReader,
  characters: entriesReader,
  "sub-words": subWordsReader,
  bytes: () => bytesReader,
  "n-grams": gramsReader,
  "word-pieces": piecesReader,
  unigram: unigramReader,
};

/** @param {EncoderFacts} facts @returns {Encoder} */
export function encoderOf(facts) {
  const read = /** @type {(facts: EncoderFacts) => Reader} */ (readers[facts.kind])(facts);
  const [before, behind] = "around" in facts ? facts.around : [[], []];
  const most = facts.length - before.length - behind.length;
  return (text) => {
    if ("characters" in facts) knowCharacters(facts.characters);
    const all = read(text);
    const found = [
      ...before.map((id) => mark(id, 0)),
      ...(all.length > most ? all.slice(0, most) : all),
      ...behind.map((id) => mark(id, text.length)),
    ];
    return { found: found.length ? found : [mark(UNKNOWN, 0)], cut: all.length > most };
  };
}

/** An id of no part of the text. @param {number} id @param {number} at */
const mark = (id, at) => ({ id, start: at, end: at });
