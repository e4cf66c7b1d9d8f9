"""The command `headway`.

What belongs here: reading arguments, showing answers. Data goes to standard output, words to standard error.
Heavy libraries are imported by the command that uses them, so that listings stay quick.
"""
