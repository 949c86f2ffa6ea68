"""Arguments and answers of the command language."""
