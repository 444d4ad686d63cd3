// Random numbers that a seed decides, the same ones in every browser.

/** Numbers from 0 to below 1, always the same ones of a seed (mulberry32). @param {number} seed */
export function drawsOf(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** One seed of several whole numbers, so that near ones share nothing. @param {number[]} numbers */
export const seedOf = (...numbers) =>
  numbers.reduce((seed, each) => Math.floor(drawsOf(Math.imul(seed, 31) + each)() * 4294967296) | 0, 0);

/** Two numbers make one of the standard normal distribution (Box and Muller 1958). @param {() => number} draw */
export const normalOf = (draw) => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());

/** Whole numbers below `count` in an order that a seed decides (Fisher and Yates). @param {number} count @param {number} seed */
export function shuffled(count, seed) {
  const draw = drawsOf(seed);
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = Math.floor(draw() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
