"""Evidence from predictions that were made elsewhere: a table with one row per sample and model.

`reading` reads a file, `guess` and `understood` give each column its role, `runs` splits the rows
into runs, `errors` computes their statistics, and `study` writes a folder like that of a sweep.
"""
