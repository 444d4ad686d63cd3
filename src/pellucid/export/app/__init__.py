"""A whole model as one self-contained HTML file that answers from disk, without a network request.

How a page is put together, and where a kind of input (images, texts) plugs in:

- `kinds.py` holds `KINDS`, one `AppKind` for each `InputKind` by its name: which models it refuses, the
  facts that its scripts read as `app.input`, a blank input on which the network is opened once (for the
  names, shapes and formulas of its layers), the original of a held-out example for the proof, and its
  template in `page/` (the area where people hand over an input). Its modules are in `script/`, by its name.
- `page_data.py` packs weights: tensors of two axes and more in 16 bits, in steps of each row, vectors in
  single precision, one behind the other, deflated, base64, in `<script id="weights">`; `app.tensors` has
  for every name where it and its steps begin, and its shape. Weights have the names of the lines
  (`body.0.weight`); what else a model needs is added under a prefix (`novelty.axes`). In the page
  `stored(name)` gives any.
- `shell.py` fills the template, whoever answers, and needs no torch: a server makes its page with it.
- `content.py` renders the page of a model. It has three documents, all deflated: `page-data` (as on the
  explain page: the layers), `app` (everything else) and the weights; one script, `start.js` of the kind with
  all that it imports, allowed by its checksum. That module calls `startPage(kind, way, opening)`: an object
  of the type `InputKind` in `script/types.js` says how an input is read, turned into what the network takes
  and shown, one of the type `Way` what answers: `inBrowser` of `browser.js`, or `byServer` of `asking.js`,
  with which the page of a server (`asking.js` of the kind) asks for answers and for what drove them.
- `computed` of the explain page's `layers.js` gives a whole layer in single precision; `script/answer.js`
  runs the network with it and keeps the values of all layers.
- Every string that people read is in `script/words/` by its key, in English and in Chinese.
- `exporting.py` replays the page in a headless browser through `globalThis.pellucid.answer(original)`, the
  same function that answers people.
"""
