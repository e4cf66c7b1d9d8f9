"""From a transcript to grounded, themed feedback, behind one contract for every analyst.

What belongs here: preparing transcripts, judging relevance, extracting, grounding quotes, matching to themes.
What does not: which calls are due (`ingestion/`), what is stored (`store/`), who is asked over HTTP (`llm/`).
"""
