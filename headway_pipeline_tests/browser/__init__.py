"""What people see: `headway up` as a real process, driven in a real browser, against the sandbox."""
