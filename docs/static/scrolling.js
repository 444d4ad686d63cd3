// Whatever is wider than the page scrolls by itself; the keyboard reaches it only while it does.
const wide = [...document.querySelectorAll(".formula, .highlight pre, .table-wrapper")];
const watched = new ResizeObserver(() => {
  for (const box of wide) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
});
watched.observe(document.body);
