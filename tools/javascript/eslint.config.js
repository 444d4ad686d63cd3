// Rules for the scripts of the pages, beside what the type checker sees.
import js from "@eslint/js";
import globals from "globals";

/** Python joins the files by taking these words away, so an import and an export have one form each. */
const FORMS = [
  {
    selector: "ExportDefaultDeclaration, ExportAllDeclaration, ExportNamedDeclaration[specifiers.length>0]",
    message: "Write `export` before the declaration itself.",
  },
  {
    selector: "ImportDefaultSpecifier, ImportNamespaceSpecifier, ImportExpression",
    message: "Import names in braces.",
  },
];

/** A page asks nobody for anything and keeps nothing. */
const REACHING_OUT = [
  "fetch",
  "XMLHttpRequest",
  "WebSocket",
  "EventSource",
  "localStorage",
  "sessionStorage",
];

/** Foreign text stays text. */
const PARSING = ["innerHTML", "outerHTML", "insertAdjacentHTML", "write"];

export default [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.browser },
    rules: {
      complexity: ["error", 12],
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "max-depth": ["error", 5],
      "max-lines": ["error", 500],
      "max-lines-per-function": ["error", { max: 60, skipComments: true }],
      "max-params": ["error", 5],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-param-reassign": "error",
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      "no-restricted-globals": ["error", ...REACHING_OUT],
      "no-restricted-properties": ["error", ...PARSING.map((property) => ({ property }))],
      "no-restricted-syntax": ["error", ...FORMS],
    },
  },
  {
    // These pages have servers of their own, which they ask.
    files: [
      "src/pellucid/labelling/**",
      "src/pellucid/reports/script/live.js",
      "src/pellucid/reports/script/saved_corrections.js",
    ],
    rules: {
      "no-restricted-globals": ["error", ...REACHING_OUT.filter((each) => each !== "fetch")],
    },
  },
  {
    // What somebody corrected must survive a reload.
    files: ["src/pellucid/reports/script/corrections.js"],
    rules: {
      "no-restricted-globals": ["error", ...REACHING_OUT.filter((each) => each !== "localStorage")],
    },
  },
  {
    // So has this one, whose server may ask for a token, which is kept for the visit.
    files: ["src/pellucid/export/app/script/{asking,locked}.js", "src/pellucid/reports/script/token.js"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...REACHING_OUT.filter((each) => !["fetch", "sessionStorage"].includes(each)),
      ],
    },
  },
  { files: ["tools/**"], rules: { "no-restricted-syntax": "off" } },
];
