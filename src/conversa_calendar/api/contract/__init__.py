"""The contract of the API: what each operation takes, answers and refuses, as schemas that machines can trust.

`shapes` are the words, one module for each area says its schemas and operations in them, `table` brings those together,
`document` makes the OpenAPI document of them and `taking` holds what comes in against them. Answers are built from rows
and never pass through a schema; the tests hold every answer that they get against the document.
"""
