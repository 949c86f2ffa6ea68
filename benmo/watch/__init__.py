"""Listens to running nodes: the page that shows what they record, and files to hand out.

May import `benmo.control`, `benmo.cluster`, of `benmo.tape` what is about records, `benmo.wording`,
`benmo.options` and `benmo.errors`.

`page/` holds the page: plain ES modules, a style sheet and `index.html`, as the browser gets them.
Begin with `page/fold.js` (the state after each record) and `page/trace.js` (all that is looked up
in a trace); `page/app.js` puts the views together. `page/questions.js` makes questions of records,
`page/quiz.js` says which are asked, and `page/lab.js` shows the tasks of `benmo.labs`.
`one_file.py` makes one HTML file of the page and a run, which opens without a server; `command.py`
is `benmo page`.

`collection.py` listens to the nodes of a cluster. `record.py` (`benmo record`) writes what comes of
that into a file. `server.py` serves the page and hands it the records; `gate.py` says who may have
what, `opening.py` how many may ask at a time, and `open_page.py` is one page at the server's end.
"""
