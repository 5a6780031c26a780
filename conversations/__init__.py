"""The chat: conversations, questions, answers, and the pages that show them."""
