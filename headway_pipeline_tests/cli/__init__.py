"""The command `headway`: its answers, its words, its exit codes, and what it must not load or show."""
