"""The pages: fetch through the member, call one deed, render."""
