"""The engine: windows, walks, limits, patience and the five stages, over a scripted source and analyst."""
