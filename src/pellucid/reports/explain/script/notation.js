// Index notation: what follows from the line that is a layer, such as y[o,r,c] = W[o,i,k,l] * x[i,r+k,c+l] + b[o].
//
// Letters on the right alone are summed over; beyond an array's edge are zeros. An index is a sum of letters times
// numbers. Where several letters make up one index on the left, all that give it are summed. The same follows in Python
// (`pellucid.reference.notation`), where the notation is explained.
import { need, needWhole, product, ravel, unravel } from "./arrays.js";
/** @import { Access, Index, LineDeclaration, Numbers, Pair, Shape, Unit, Whole } from "./types.js" */

/** @typedef {Record<string, number>} Letters and their values */

/**
 * A line with the arrays of one layer by their names, as far as there are any, and how many values each letter has.
 * @typedef {{ line: LineDeclaration, arrays: Record<string, Numbers | null>, sizes: Letters, summed: string[] }}
 *   Bound
 */

/** Names of arrays that are computed from others: where they are 0, nothing is summed. */
const COMPUTED = ["A", "B"];

/** @param {Index[]} indices */
const lettersOf = (indices) => [
  ...new Set(indices.flatMap((index) => index.flatMap(([, letter]) => letter || []))),
];

/** @param {Index} index @param {Letters} letters */
const valueOf = (index, letters) =>
  index.reduce((sum, [number, letter]) => sum + (letter ? number * letters[letter] : number), 0);

/**
 * @param {LineDeclaration} line @param {Shape} shape of the result
 * @param {Record<string, Numbers | null>} arrays @returns {Bound}
 */
export function bound(line, shape, arrays) {
  const sizes = { ...line.sizes };
  for (const { name, indices } of [line.output, ...line.factors]) {
    const lengths = name === line.output.name ? shape : arrays[name]?.shape;
    indices.forEach(([[number, letter], ...others], axis) => {
      if (lengths && letter && number === 1 && !others.length) sizes[letter] = lengths[axis];
    });
  }
  const known = lettersOf(line.output.indices);
  const every = lettersOf(line.factors.flatMap(({ indices }) => indices));
  return { line, arrays, sizes, summed: every.filter((letter) => !known.includes(letter)) };
}

/** Whether each number of the result is one that is seen. @param {Bound} layer */
export const isCopy = ({ line, summed }) =>
  line.factors.length === 1 && line.operation === "sum" && !line.bias && !summed.length;

/** Least and largest sum of letters times numbers. @param {Index} terms @param {Letters} sizes @returns {Pair} */
function boundsOf(terms, sizes) {
  let [low, high] = [0, 0];
  for (const [number, letter] of terms) {
    const far = letter ? number * (sizes[letter] - 1) : number;
    low += letter ? Math.min(0, far) : far;
    high += letter ? Math.max(0, far) : far;
  }
  return [low, high];
}

/**
 * First and last whole number between two, at least 0 and below `size`.
 * @param {number} one @param {number} other @param {number} size @returns {Pair}
 */
const between = (one, other, size) => [
  Math.max(0, Math.ceil(Math.min(one, other))),
  Math.min(size - 1, Math.floor(Math.max(one, other))),
];

/** @param {Pair} range first and last */
const everyIn = ([first, last]) =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);

/** All values of an index's letters that give a value. @param {Index} index @param {number} value @param {Letters} sizes */
function solutions(index, value, sizes) {
  const given = valueOf(
    index.filter(([, letter]) => !letter),
    {},
  );
  const terms = index.filter(([, letter]) => letter);
  terms.sort(([one], [other]) => Math.abs(other) - Math.abs(one));
  /** @type {{ known: Letters, rest: number }[]} */
  let found = [{ known: {}, rest: value - given }];
  terms.forEach(([number, letter], place) => {
    const [low, high] = boundsOf(terms.slice(place + 1), sizes);
    found = found.flatMap(({ known, rest }) => {
      const range = between((rest - high) / number, (rest - low) / number, sizes[letter]);
      return everyIn(range).map((at) => ({ known: { ...known, [letter]: at }, rest: rest - number * at }));
    });
  });
  return found.filter(({ rest }) => rest === 0).map(({ known }) => known);
}

/** One number of an array, 0 beyond its edges. @param {Bound} layer @param {Access} access @param {Letters} letters */
function gathered({ arrays }, { name, indices }, letters) {
  const { shape, kept, data, row } = need(arrays[name]);
  let [first, rest] = [0, 0];
  for (let axis = 0; axis < indices.length; axis += 1) {
    const at = valueOf(indices[axis], letters);
    if (at < 0 || at >= shape[axis]) return 0;
    if (axis) rest = rest * shape[axis] + at;
    else first = at;
  }
  return kept ? need(row(first))[rest] : data[first * product(shape.slice(1)) + rest];
}

/**
 * The places over which one number of the result sums: an axis for each index of what is seen in which letters move,
 * of maps always three, and the letters at each place.
 * @param {Bound} layer @param {Unit} unit
 */
export function placesOf(layer, unit) {
  const { line, sizes, summed } = layer;
  /** @type {Letters} */
  const fixed = {};
  /** @type {{ letters: string[], choices: Letters[] }[]} letters that move together */
  const groups = [];
  line.output.indices.forEach((index, axis) => {
    const choices = solutions(index, unit[axis], sizes);
    if (choices.length === 1) Object.assign(fixed, choices[0]);
    else groups.push({ letters: lettersOf([index]), choices });
  });
  for (const letter of summed) {
    const every = everyIn([0, sizes[letter] - 1]).map((at) => ({ [letter]: at }));
    const share = line.factors.find(({ name, indices }) => isComputedOf(name, indices, letter));
    const choices = share ? every.filter((at) => gathered(layer, share, { ...fixed, ...at })) : every;
    groups.push({ letters: [letter], choices });
  }
  const { indices } = line.factors[line.factors.length - 1];
  const axes = indices.flatMap((index) => {
    const own = groups.filter(({ letters }) => index.some(([, letter]) => letters.includes(letter)));
    return own.length || indices.length < 3 ? own.map(({ choices }) => choices) : [[{}]];
  });
  if (!axes.length) axes.push([{}]); // a sum of one product
  const shape = axes.map(({ length }) => length);
  /** @param {number} at @returns {Letters} */
  const lettersAt = (at) =>
    Object.assign({}, fixed, ...unravel(at, shape).map((which, axis) => axes[axis][which]));
  /** @param {Access} access @param {number} at */
  const indexAt = ({ indices: own }, at) => own.map((index) => valueOf(index, lettersAt(at)));
  return { shape, lettersAt, indexAt };
}

/** @param {string} name @param {Index[]} indices @param {string} letter */
const isComputedOf = (name, indices, letter) =>
  COMPUTED.includes(name) && lettersOf(indices).includes(letter);

/** What a sum of so many numbers is divided by. @param {LineDeclaration} line @param {number} count */
const dividing = ({ operation }, count) =>
  operation === "mean" ? count : operation === "root" ? Math.sqrt(count) : 1;

/**
 * What one number of the result is made of: the products of `patch` and `weights`, and a bias; or their mean, or the
 * largest of the patch.
 * @param {Bound} layer @param {Unit} unit
 */
export function summandsOf(layer, unit) {
  const { line } = layer;
  const places = placesOf(layer, unit);
  const [seen, ...others] = [...line.factors].reverse();
  const patch = new Float64Array(product(places.shape));
  const weights = new Float64Array(patch.length).fill(1 / dividing(line, patch.length));
  for (let at = 0; at < patch.length; at += 1) {
    const letters = places.lettersAt(at);
    patch[at] = gathered(layer, seen, letters);
    for (const other of others) weights[at] *= gathered(layer, other, letters);
  }
  const bias = line.bias ? gathered(layer, line.bias, places.lettersAt(0)) : 0;
  return { ...places, patch, weights, bias, seen };
}

/**
 * Where one number of a weight is used: places of the result, and the number that it meets at each.
 * @param {Bound} layer @param {string} name of the weight in the line @param {number[]} index
 * @param {Shape} shape of the result @returns {{ place: Unit, met: number }[]}
 */
export function usesOf(layer, name, index, shape) {
  const { line, sizes, summed } = layer;
  if (line.bias?.name === name) {
    const every = Array.from({ length: product(shape) }, (_, at) => unravel(at, shape));
    const isOwn = (/** @type {Unit} */ place) =>
      biasAxes(line).every((axis, which) => place[axis] === index[which]);
    return every.filter(isOwn).map((place) => ({ place, met: 1 }));
  }
  const own = need(line.factors.find((factor) => factor.name === name));
  const letters = Object.assign(
    {},
    ...own.indices.map((each, axis) => solutions(each, index[axis], sizes)[0]),
  );
  const free = [...lettersOf(line.output.indices), ...summed].filter((letter) => !(letter in letters));
  const others = line.factors.filter((factor) => factor !== own);
  const lengths = free.map((letter) => sizes[letter]);
  return Array.from({ length: product(lengths) }, (_, at) => {
    unravel(at, lengths).forEach((value, axis) => {
      letters[free[axis]] = value;
    });
    const place = line.output.indices.map((each) => valueOf(each, letters));
    if (place.some((each, axis) => each < 0 || each >= shape[axis])) return [];
    return [{ place, met: others.reduce((met, other) => met * gathered(layer, other, letters), 1) }];
  }).flat();
}

/** The axes of the result along which a line's bias goes. @param {LineDeclaration} line */
function biasAxes({ output, bias }) {
  const every = output.indices.map((index) => JSON.stringify(index));
  return need(bias).indices.map((index) => every.indexOf(JSON.stringify(index)));
}

/** Of a value the axes that are places: rows and columns of maps, tokens of a text. @template T @param {T[]} axes */
export const axesOfPlaces = (axes) => (axes.length === 3 ? axes.slice(1) : axes.slice(0, 1));

/**
 * First and last place of the array `name`, along each of its axes of places, that a box of places of the result
 * sees;
 * may reach beyond its edges.
 * @param {Bound} layer @param {string} name @param {Pair[]} box @returns {Pair[]}
 */
export function seenThrough(layer, name, box) {
  const { line, sizes } = layer;
  /** @type {Record<string, Pair>} */
  const ranges = Object.fromEntries(Object.entries(sizes).map(([letter, size]) => [letter, [0, size - 1]]));
  axesOfPlaces(line.output.indices).forEach((index, axis) => {
    const [low, high] = box[axis];
    const exact = low === high ? solutions(index, low, sizes) : [];
    for (const [number, letter] of index) {
      const found = exact.map((one) => one[letter]);
      const [least, most] = boundsOf(
        index.filter(([, other]) => other !== letter),
        sizes,
      );
      if (letter && exact.length) ranges[letter] = [Math.min(...found), Math.max(...found)];
      else if (letter) {
        ranges[letter] = between((low - most) / number, (high - least) / number, sizes[letter]);
      }
    }
  });
  for (const factor of line.factors.filter((each) => COMPUTED.includes(each.name))) {
    const [known, letter] = lettersOf(factor.indices);
    const uses = everyIn([0, sizes[letter] - 1]).filter((at) =>
      everyIn(ranges[known]).some((place) => gathered(layer, factor, { [known]: place, [letter]: at })),
    );
    ranges[letter] = [uses[0], uses[uses.length - 1]];
  }
  const { indices } = need(line.factors.find((factor) => factor.name === name));
  return axesOfPlaces(indices).map((index) => {
    /** @param {0 | 1} end */
    const reach = (end) =>
      index.reduce((sum, [number, letter]) => {
        const far = letter ? number * ranges[letter][number < 0 ? 1 - end : end] : number;
        return sum + far;
      }, 0);
    return [reach(0), reach(1)];
  });
}

/** What takes the place of a factor that does not move. */
const ONE = { data: [1], at: 0, step: 0 };

/**
 * The whole result of a line: every choice of letters adds its product, or is the largest so far.
 * @param {Bound} layer @param {Shape} shape of the result
 */
export function contracted({ line, arrays, sizes, summed }, shape) {
  const isMax = line.operation === "max";
  const made = new Float64Array(product(shape)).fill(isMax ? -Infinity : 0);
  const letters = [...lettersOf(line.output.indices), ...summed];
  letters.sort((one, other) => sizes[one] - sizes[other]); // the longest loop is the innermost
  const inner = letters[letters.length - 1];
  const accesses = [line.output, ...line.factors].map((access, place) => {
    const { data, shape: lengths } = place ? needWhole(arrays[access.name]) : { data: made, shape };
    return { data, lengths, ...strided(access, lengths) };
  });
  const edges = [line.output, ...line.factors].flatMap(({ indices }, place) =>
    indices.flatMap((index, axis) => {
      const size = accesses[place].lengths[axis];
      const [low, high] = boundsOf(index, sizes);
      return low < 0 || high >= size ? { index, size } : [];
    }),
  );
  /** @type {Letters} */
  const now = { [inner]: 0 };
  /** @param {number} from @param {number} to values of the innermost letter */
  const add = (from, to) => {
    const [own, ...factors] = accesses.map(({ data, start, steps }) => ({
      data,
      at: start + letters.reduce((sum, letter) => sum + (steps[letter] || 0) * now[letter], 0),
      step: steps[inner] || 0,
    }));
    const moving = factors.filter(({ step }) => step);
    const w = factors.reduce((all, { data, at, step }) => (step ? all : all * data[at]), 1);
    const [one, other] = [moving[0] ?? ONE, moving[1] ?? ONE];
    for (let v = from; v <= to; v += 1) {
      const place = own.at + v * own.step;
      const term = w * one.data[one.at + v * one.step] * other.data[other.at + v * other.step];
      made[place] = isMax ? Math.max(made[place], term) : made[place] + term;
    }
  };
  /** @param {number} place of a letter */
  const walk = (place) => {
    if (place === letters.length - 1) {
      const range = rangeWithin(edges, inner, now, sizes[inner]);
      if (range) add(...range);
      return;
    }
    for (let at = 0; at < sizes[letters[place]]; at += 1) {
      now[letters[place]] = at;
      now[inner] = 0;
      walk(place + 1);
    }
  };
  walk(0);
  const divisor = dividing(line, product(summed.map((letter) => sizes[letter])));
  if (divisor !== 1) for (let at = 0; at < made.length; at += 1) made[at] /= divisor;
  if (!line.bias) return made;
  const { data, shape: lengths } = needWhole(arrays[line.bias.name]);
  const axes = biasAxes(line);
  return made.map((number, at) => {
    const place = unravel(at, shape);
    const own = axes.map((axis) => place[axis]);
    return own.every((each, axis) => each < lengths[axis]) ? number + data[ravel(own, lengths)] : number;
  });
}

/**
 * The gradient of an array by that of the line's result, of which it is a factor: the line with both in each other's
 * place.
 * @param {Bound} layer @param {string} name @param {Whole} above the gradient of the result
 */
export function handedBack({ line, arrays, sizes }, name, above) {
  const own = need(line.factors.find((factor) => factor.name === name));
  const factors = [...line.factors.filter((factor) => factor !== own), line.output];
  const known = lettersOf(own.indices);
  const every = lettersOf(factors.flatMap(({ indices }) => indices));
  const ofResult = lettersOf(line.output.indices);
  const count = product(known.filter((letter) => !ofResult.includes(letter)).map((letter) => sizes[letter]));
  /** @type {LineDeclaration} */
  const turned = { ...line, operation: "sum", output: own, factors, bias: null };
  const made = contracted(
    {
      line: turned,
      arrays: { ...arrays, [line.output.name]: above },
      sizes,
      summed: every.filter((letter) => !known.includes(letter)),
    },
    need(arrays[name]).shape,
  );
  return made.map((number) => number / dividing(line, count));
}

/** Where an access begins among its numbers, and how far each letter steps. @param {Access} access @param {Shape} shape */
function strided({ indices }, shape) {
  let start = 0;
  /** @type {Letters} */
  const steps = {};
  indices.forEach((index, axis) => {
    const size = product(shape.slice(axis + 1));
    for (const [number, letter] of index) {
      if (letter) steps[letter] = (steps[letter] || 0) + number * size;
      else start += number * size;
    }
  });
  return { start, steps };
}

/**
 * Values of the innermost letter at which all indices are within their arrays; null where there are none.
 * @param {{ index: Index, size: number }[]} edges @param {string} inner
 * @param {Letters} letters the others, and 0 for the innermost @param {number} count @returns {Pair | null}
 */
function rangeWithin(edges, inner, letters, count) {
  let [from, to] = [0, count - 1];
  for (const { index, size } of edges) {
    const rest = valueOf(index, letters);
    const number = index.reduce((sum, [each, letter]) => (letter === inner ? sum + each : sum), 0);
    if (!number && (rest < 0 || rest >= size)) return null;
    if (number) {
      const [first, last] = between(-rest / number, (size - 1 - rest) / number, count);
      [from, to] = [Math.max(from, first), Math.min(to, last)];
    }
  }
  return [from, to];
}
