"""Language models behind one contract: a request goes in, text and its usage come out.

A provider is one file in this folder. It turns one `LLMRequest` into one HTTP request and the answer into an
`LLMResponse`; it knows nothing of calls, themes, prompts or the database.
"""
