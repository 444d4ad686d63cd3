"""A page on which a reader trains a small network on packed images, texts or points, every number open.

How it is put together:

- `playing.py` packs data sets (`packed`, `play_document`) and fills the page. Images are brought to 28 x 28
  pixels and lie as bytes one behind the other, channel by channel; texts are cut, and their words become ids
  in the page. Points are made in the page from the seed.
- `page/training.html` is the part that trains, for any page: its script calls `startTraining()` of
  `script/training.js` once. `page/play.html` is the page that holds nothing else.
- `script/engine.js` with what it imports computes in a worker, and knows no document; the other modules of
  `script/` draw what it reports. The page holds its joined text as `<script type="text/plain" id="engine">`.
- Every string that people read is in `script/words/` by its key, in English and in Chinese.
"""
