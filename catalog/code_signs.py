"""Whether a question is about program code: by signs that prose does not carry, in English and in Chinese.

Asked of every question that Auto gets, so every repetition below is bounded: no text takes longer than its length
explains. A question that is missed is still answered well by the ordinary route, so a sign that prose might carry too
is left out: pythons, rust, a dress code, a list of hotels in Java.
"""

from __future__ import annotations

import re

# Words that mean a program wherever they stand …
SURE = (
    r"javascript|typescript|c\+\+|c#|golang|php|kotlin|haskell|sql|html|css|powershell|django|fastapi|node\.?js|numpy"
    r"|pytorch|tensorflow|postgres(?:ql)?|mysql|sqlite|mongodb|dockerfile|docker-compose|kubernetes|makefile|webpack|npm"
    r"|pytest|graphql|leetcode|regex(?:es|p)?|regular expressions?|source code|code reviews?|unit tests?|stack ?trace"
    r"|traceback|segfault|segmentation fault|null ?pointer|pull request|merge conflicts?|syntax errors?"
    r"|compile[rd]? errors?|memory leaks?|race conditions?|refactor(?:ing|ed)?|(?:shell|bash) scripts?|pseudo-?code"
    r"|linked lists?|time complexity|rest api|api endpoint|in python|hello world"
    r"|git (?:commit|rebase|merge|push|pull|clone|stash|checkout|bisect|reset)"
)
# … and names that mean something else as well, until one of these things stands beside them.
NAMES = r"python|java|rust|ruby|swift|scala|perl|lua|matlab|react|vue|angular|pandas|docker|flask|bash|go|excel vba"
THINGS = (
    r"functions?|methods?|class(?:es)?|scripts?|code|programs?|modules?|librar(?:y|ies)|packages?|loops?|lists?"
    r"|dict(?:s|ionary|ionaries)?|arrays?|strings?|tuples?|decorators?|generators?|iterators?|closures?|lambdas?|variables?"
    r"|structs?|enums?|traits?|crates?|hooks?|components?|state|router|quer(?:y|ies)|exceptions?|parsers?|threads?"
    r"|compiler|syntax|dataframes?|containers?|images?|files?|goroutines?|developers?|version|apps?"
)
DEEDS = r"write|fix|debug|review|optimi[sz]e|explain|improve|simplify|port|implement|translate|run|test|check"
PIECES = r"code|functions?|algorithms?|bugs?|snippets?|program"
ENGLISH = re.compile(
    rf"(?<![\w-])(?:{SURE})(?![\w+#-])"
    rf"|\b(?:{NAMES}) (?:[\w-]+ )?(?:{THINGS})\b"
    rf"|\b(?:{THINGS}) (?:\w+ )?(?:in|with|using) (?:{NAMES})\b"
    rf"|\b(?:{DEEDS}) (?:me )?(?:some |the |this |that |these |my |our |an? )(?:\w+ )?(?:{PIECES})\b(?! of)"
    rf"|\bfunction that (?:returns?|takes|computes|checks|finds|sorts|reverses|reads|parses|converts|counts)\b",
    re.IGNORECASE,
)

CHINESE = re.compile(
    r"源代码|源码|伪代码|写一?[段个份](?:\S{0,12})(?:程序|脚本|代码|函数|爬虫)|(?:这|那)[段个些](?:代码|函数|脚本)"
    r"|(?:下面|以下|我)的?这?[段个些]?(?:代码|函数|脚本)|代码(?:审查|评审|报错|优化|重构|示例|补全|怎么|为什么)"
    r"|(?:优化|重构|调试|修改|解释|运行|补全)\S{0,6}(?:代码|函数|脚本)|正则表达式|编译错误|编译报错|语法错误|空指针|内存泄漏"
    r"|单元测试|堆栈溢出|段错误|(?:二分|快速|冒泡|归并|选择)(?:查找|排序)|递归函数|装饰器|时间复杂度|编程题|数据结构"
    r"|(?:用|使用) ?(?:python|java|go|rust|c语言|c\+\+|js) ?\S{0,4}(?:写|实现|编写|读取|解析|处理)"
    r"|(?:python|java|go语言|c语言|vue|react|pandas) ?\S{0,6}"
    r"(?:代码|函数|脚本|程序|报错|异常|列表|字典|数组|字符串|循环|线程|接口|爬虫|读取|安装)",
    re.IGNORECASE,
)

# The shape of code itself: one line of it is enough.
_INDENT, _END = r"^[ \t]{0,40}", r"[ \t]{0,8}$"
SHAPES = re.compile(
    "|".join(
        [
            rf"{_INDENT}(?:```|~~~)",
            rf"{_INDENT}(?:async )?def \w{{1,80}}\(",
            rf"{_INDENT}class \w{{1,80}}(?:\([^()\n]{{0,200}}\))?:{_END}",
            rf"{_INDENT}(?:export )?(?:async )?function \w{{0,80}}\(",
            rf"{_INDENT}(?:const|let|var) \w{{1,80}} = \S",
            rf"{_INDENT}from [\w.]{{1,200}} import \w",
            rf"{_INDENT}import (?:[\w.]{{1,200}}(?: as \w{{1,80}})?|.{{1,200}} from ['\"].{{1,200}});?{_END}",
            rf"{_INDENT}#include ?[<\"]",
            rf"{_INDENT}(?:public|private|protected) (?:static|final|class|void|async|int|string) ",
            rf"{_INDENT}(?:pub )?(?:fn|func) \w{{1,80}}[(<]",
            rf"{_INDENT}(?:if|for|while|switch) ?\(.{{1,300}}\) ?\{{",
            rf"{_INDENT}for \w{{1,80}}(?:, \w{{1,80}})? in .{{1,200}}:{_END}",
            rf"{_INDENT}\w{{1,60}} = \w{{1,60}}(?:\.\w{{1,60}}){{0,6}}\(.{{0,300}}\){_END}",
            rf"{_INDENT}[\w.]{{1,100}}\([^()\n]{{0,200}}\);{_END}",
            r"\bselect .{1,200}\sfrom \w{1,80}(?:;|\s(?:where|join|limit|order by|group by) )",
            r"\bSELECT .{1,200}\sFROM \w|^(?:INSERT INTO|CREATE TABLE|ALTER TABLE) ",
            r"Traceback \(most recent call last\)|^[ \t]{1,40}at [\w.$<>]{1,200}\([\w.]{1,100}:\d",
            r"\b[A-Z][a-z]\w{1,60}(?:Error|Exception)\b",
            r"^#!/|^\$ \w|^(?:pip3?|npm|yarn|cargo|docker|kubectl|apt-get) \w",
            r"</(?:div|span|script|body|head|html|p|a|ul|li|table|template)>",
            r"\w\) ?=> ?[{\w(]",
        ]
    ),
    re.MULTILINE,
)


READ = 20_000  # characters: about 30 ms at worst, and whoever pastes more has said by then what it is


def is_about_code(text: str) -> bool:
    """Whether the question holds code, or clearly asks for some."""
    return any(signs.search(text, 0, READ) for signs in (SHAPES, ENGLISH, CHINESE))
