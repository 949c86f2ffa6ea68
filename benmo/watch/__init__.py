"""The page that shows a cluster as it works, and what makes one file of it.

May import `benmo.tape.trace_file`, `benmo.options` and `benmo.errors`.

`page/` holds the page: plain ES modules, a style sheet and `index.html`, as the browser gets them.
Begin with `page/fold.js` (the state after each record) and `page/trace.js` (all that is looked up
in a trace); `page/app.js` puts the views together. `one_file.py` makes one HTML file of the page
and a run, which opens without a server; `command.py` is `benmo page`.
"""
