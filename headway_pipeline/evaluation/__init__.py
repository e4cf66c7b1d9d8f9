"""What `headway eval` measures: any analyst over labelled sets, with intervals, and two analysts over each other."""
