// What a choice on the page of labelling means, by the kind of answer that the page declares.

/**
 * @typedef {{
 *   choose: (chosen: Set<string>, name: string) => Set<string>,
 *   isWhole: boolean,
 * }} Decision
 * The names that are chosen once a person has chosen one more, and whether they are then the whole answer,
 * which is sent at once; else it is sent when the person says so.
 */

/** @type {{ class: Decision, labels: Decision }} */
export const DECISIONS = {
  class: { choose: (_, name) => new Set([name]), isWhole: true },
  labels: {
    choose(chosen, name) {
      const others = [...chosen].filter((each) => each !== name);
      return new Set(chosen.has(name) ? others : [...others, name]);
    },
    isWhole: false,
  },
};
