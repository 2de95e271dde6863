"""A message on its way from the keyboard to intake: templates, editor, draft, submission."""
