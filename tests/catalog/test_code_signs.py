"""Which questions are about code: a table of real ones, and of those that only look like it."""

from __future__ import annotations

import time

import pytest

from catalog.code_signs import is_about_code

ABOUT_CODE = r"""
Write a Python function that returns the n-th Fibonacci number
how do I reverse a linked list
why does my javascript code return undefined
Fix this bug please
What does this regex do: ^\d+$
Explain the difference between let and var in JavaScript
how to sort a list in python
Read a csv file in Java
Can you review my code?
convert this SQL query to Django ORM
What is a segfault?
How do I undo a git commit that I already pushed?
Write unit tests for the parser
how can I center a div with css
write a bash script that renames all files in a folder
rust struct with a lifetime
What's wrong here?\n\n```\nprint 'hello'\n```
def add(a, b): return a - b  # why is 2 + 2 zero?
It says TypeError when I add them
Traceback (most recent call last):\n  File "a.py", line 1, in <module>
SELECT name FROM users WHERE id = 1 is slow
Why is this slow? select * from orders where total > 10
    at com.example.Main.run(Main.java:42)
#include <stdio.h>\nint main(void) { return 0; }
const total = items.reduce((a, b) => a + b, 0)
import pandas as pd
from collections import Counter
for (int i = 0; i < 10; i++) {
for row in rows:\n    total += row
$ make test
npm install fails behind our proxy
<div class="card">hello</div> does not show a border
C++ or C# for a beginner?
Optimize this function
React component that shows a list of users
pandas dataframe groupby and count
Write me a small program which guesses numbers
Refactor it so that it is easier to read
x = compute(1, 2)
用 Python 写一个爬虫
这段代码有什么问题
帮我写一个快速排序的函数
帮我写一段读取文件的代码
解释一下下面的代码
正则表达式怎么匹配手机号
Java 程序报错 NullPointerException 怎么办
如何优化我的代码
C语言函数指针怎么用
python列表怎么去重
写个脚本批量重命名文件
"""

NOT_ABOUT_CODE = r"""
Hello!
What is the dress code for a wedding?
Which area code is 030?
What is the zip code of Berlin?
Explain our code of conduct
Are pythons venomous?
How do I remove rust from a cast iron pan?
What types of rust are there on steel?
Make a list of hotels in Java
The best beaches in Java and Bali
How did the public react to the error of the referee?
What is the function of the liver?
Write a poem about a swift in summer
Write a script for a play about two brothers
Translate this sentence into French: I love my class
Select a gift for my mother from this list, where price matters
Which import duties apply to coffee from Brazil?
Plan a class reunion for 30 people
Let me know what you think; then we go on.
What is the capital of France?
Summarise the meeting: Anna said (twice) that the budget is fixed.
A ruby ring or a diamond ring?
Where do pandas live?
How many strings does a violin have?
Write an email to my boss: I am ill (flu); I will be back on Monday.
Explain the rule of three to a child
What is the meaning of Monty Python's dead parrot?
Compare these two offers: A = 20 €, B = 30 €
For dinner in Rome: where should we go?
1. Buy milk\n2. Call mum (Sunday);\n3. Go to the gym
He said: "to be or not to be" – from which play?
Test my knowledge of history with five questions
Improve this text: we was happy
Review the contract and list the risks
Run a marathon in four hours: a training plan, please
What is the time in Tokyo?
Explain the classes of the Titanic
How do I go from Paris to Lyon?
股票代码600519是什么公司
三角函数求导公式
帮我写一首关于秋天的诗
邮政编码怎么查
写一个关于春天的剧本
我们公司的请假程序是什么
请翻译这段话
今天天气怎么样
列一个购物清单
二次函数的图像有什么特点
"""


def questions(table: str) -> list[str]:
    """One a line; \\n stands for a line's end."""
    return [line.replace(r"\n", "\n") for line in table.strip("\n").split("\n")]


@pytest.mark.parametrize("question", questions(ABOUT_CODE))
def test_a_question_about_code_is_known_by_its_signs(question: str) -> None:
    assert is_about_code(question)


@pytest.mark.parametrize("question", questions(NOT_ABOUT_CODE))
def test_prose_is_not_taken_for_code(question: str) -> None:
    assert not is_about_code(question)


@pytest.mark.parametrize(
    "piece", ["a", "a ", "(", "\n", " ", "for ", "import ", "select ", "写一个", "x.y", "function that ", "= a("]
)
def test_a_long_text_costs_no_more_than_its_length(piece: str) -> None:
    begin = time.process_time()
    is_about_code((piece * 200_000)[:200_000])
    assert time.process_time() - begin < 0.5
