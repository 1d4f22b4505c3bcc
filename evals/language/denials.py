r"""The shapes of a sentence that says "the contract does not answer this".

Three kinds: a source that does not speak, a clause that does not exist, a speaker who could not
find it. They are matched at the beginning of a sentence in lower case, with plain quotes and
single spaces, of a few hundred characters at most: some of them are quadratic in its length.

A shape is a regular expression in which `<NAME>` stands for a part of speech below. `<END>` is
where the sentence or its first clause ends: what goes on ("is not provided to third parties")
is a rule of the contract, not a denial.
"""

import re
from functools import cache

PARTS = {
    "ADVERB": r"(?:(?:explicitly|expressly|specifically|directly|clearly|actually|currently|"
    r"otherwise|even|also|seem to|appear to|anywhere|ever|been|be|being|fully|yet) )*",
    "SOURCE": r"(?:(?:the|this|these|those|any|any of the|either of the|your|our) )?"
    r"(?:(?:provided|given|supplied|above|following|relevant|available|retrieved|shown|entire|"
    r"present|attached|quoted|source|license|lease|service|supply|contract|agreement) )*"
    r"(?:contract|agreement|document|passage|excerpt|text|section|clause|context|information|"
    r"material|extract|snippet|provision|article|content|portion|source|page|language)s?"
    r"(?: [0-9]{1,2}(?:(?:-|, (?:and )?| to | and | or )[0-9]{1,2})*)?"
    r"(?: (?:provided|given|above|shown|supplied|itself|text|excerpts?|passages?|here|"
    r"in question|of the (?:contract|agreement|document)|you provided|i was given))*",
    "SHOWN": r"(?:the|these|any) (?:\w+ ){0,2}?"
    r"(?:passage|excerpt|text|context|extract|snippet)s?(?: \w+)?",
    "NOUN": r"(?:provision|clause|information|mention|language|term|section|statement|reference|"
    r"detail|indication|answer|evidence|passage|data|text|record|specific|article|stipulation|"
    r"specification|discussion|definition|description|requirement|restriction|content|match|"
    r"result|context|wording|basis|sign)(?:e?s)?",
    "STATED": r"(?:found|specified|mentioned|stated|addressed|indicated|disclosed|identified|"
    r"defined|listed|discussed|described|set forth|set out|spelled out|included|contained|covered|"
    r"present|given|provided|available|referenced|noted|detailed|outlined|clear|named|"
    r"established|applicable|answered|answerable|located|recorded|there|visible|shown|known|"
    r"determinable|explicit)",
    "STATES": r"(?:specif(?:y|ies)|mentions?|states?|address(?:es)?|indicates?|discloses?|"
    r"identif(?:y|ies)|contains?|discuss(?:es)?|says?|describes?|references?|refers? to|"
    r"sets? (?:forth|out)|answers?|speaks? (?:to|of)|spells? out|names?|"
    r"gives? (?:any |an? |the |enough |sufficient )?(?:[\w-]+ )?(?:information|details?|indication|"
    r"dates?|amounts?|periods?|answers?|reasons?)|tells?|reveals?|details?|lists?|"
    r"clarif(?:y|ies)|stipulates?|"
    r"touch(?:es)? on|covers? (?:this|that|the (?:question|topic|issue))|outlines?|"
    r"defines? (?:any|an?|the (?:term|governing|effective|expiration))|provides? (?:for|that|this)|"
    r"(?:provides?|includes?|have|has) (?:(?:any|an?|enough|sufficient|the|specific|explicit|"
    r"relevant|such) ){0,3}(?:[\w-]+ ){0,3}<NOUN>)\b",
    "NEGATED": r"(?:<DOES_NOT> <ADVERB><STATES>|never <STATES>|fails? to <STATES>|"
    r"contains? no\b|(?:includes?|has|have|makes?|gives?|offers?|provides?) no (?:[\w-]+ ){0,4}"
    r"<NOUN>|(?:is|are|remains?) silent\b|lacks? (?:any|an?\b)|omits? any)",
    # A subject of a few words without one that would make the sentence a rule of the contract.
    "SUBJECT": r"(?:(?!(?:if|unless|that|which|who|shall|will|may|must|any|not|no|where)\b)"
    r"[\w'/$%&-]+ ){1,12}",
    "WHERE": r"(?: (?:anywhere )?(?:in|within|by|from|under|to|for|on the basis of|based on) "
    r"(?:any of )?<SOURCE>| (?:here|anywhere|at all|to me|herein))*",
    "END": r"(?= *(?:$|[^\w\s'/-]|- ))",
    "DO": r"(?:do|does|did)",
    "DOES_NOT": r"(?:do|does|did)(?: not|n't)",
    "IS": r"(?:is|are|was|were)",
    "CAN_BE": r"(?:is|are|was|were|has been|have been|could be|can be)",
    "CANNOT": r"(?:cannot|can not|can't|could not|couldn't)",
}
BARE = (
    r"(?:no|n/?\.?a|none|nil|null|nothing|unknown|unspecified|undisclosed|unclear|unanswerable|"
    r"undetermined|absent|missing|indeterminate|no answer|not answerable|i don't know|"
    r"i do not know)\.?$",
    r"n/a<END>",
    r"not[- ]?found<END>",
    r"(?:(?:it|this|that) (?:is |was )|(?:it|that)'s )?not <ADVERB><STATED><WHERE><END>",
    r"(?:it|that|this) (?:is|was)n't <ADVERB><STATED><WHERE><END>",
    r"not (?:in|part of|within) <SOURCE><END>",
    r"(?:(?:it|this) (?:is|was) )?(?:unclear|unknown|unspecified|undisclosed|unstated|not clear)"
    r"(?: (?:from|in|based on|whether|what|who|when|how)\b|<END>)",
    r"(?:there is |there's )?(?:insufficient|not enough) (?:[\w-]+ )?"
    r"(?:information|context|details?|data|evidence)\b",
)
SILENT_SOURCE = (
    r"<SOURCE> <ADVERB><NEGATED>",
    r"<SOURCE> (?:is|are)(?: not|n't) <ADVERB>(?:clear|explicit|specific)\b",
    r"<SHOWN> <DOES_NOT> <ADVERB>(?:provide|include|contain|have|give|offer|show|cover|answer)\b",
    r"<DOES_NOT> <ADVERB><STATES>",
    r"(?:it|they|this|that) <NEGATED>",
    r"(?:neither|no) (?:passage|excerpt|section|clause)s? <STATES>",
    r"<SOURCE>[^.]{0,200}? (?:but|and) (?:it |they |<SOURCE> )?<NEGATED>",
    r"(?:while|although|though) [^.]{0,200}?, (?:it|they|<SOURCE>) <NEGATED>",
    r"(?:none|neither) of <SOURCE> <ADVERB><STATES>",
    r"nothing (?:in <SOURCE> )?<ADVERB>(?:found|suggests|specifies|mentions|states|addresses|"
    r"indicates|discloses|identifies|discusses|says|describes|refers? to|answers|speaks (?:to|of)|"
    r"tells|reveals|clarifies|covers this|touches on)\b",
)
NO_CLAUSE = (
    r"there(?:(?:'s| (?:is|are|was|were|exists?|appears to be|seems to be)) (?:no|not an?|not any)|"
    r" (?:isn't|aren't|wasn't|weren't|(?:does not|doesn't) (?:appear|seem) to be) (?:any|an?)) "
    r"(?:(?!(?:other|than|limit|third)\b)[\w'/-]+ ){0,6}?"
    r"(?:<NOUN>\b(?! (?:or|and|to) )|[\w'/-]+ (?:in|within) <SOURCE><END>|"
    r"[\w'/-]+ <STATED><WHERE><END>)",
    r"there (?:is|are) (?:none|no such)\b",
    r"none (?:<IS> )?<ADVERB><STATED><WHERE><END>",
    r"(?:there (?:is|was) |there's )?nothing (?:about|regarding|concerning|"
    r"in <SOURCE> (?:about|regarding|concerning|on))\b",
    r"no mention (?:is|was|has been) made\b",
    r"no such (?:(?!(?:is|are|was|were|shall|may|will|must|can|has|have|had)\b)[\w'-]+ ?){1,4}"
    r"<END>",
    r"no (?:(?!(?:party|person|other|of)\b)[\w'/-]+ ){0,4}?<NOUN>(?:<END>|"
    r" <CAN_BE> <ADVERB><STATED>\b| exists?\b| <STATED><WHERE><END>| (?:in|within) <SOURCE><END>|"
    r" (?:that |which )?<STATES>|"
    r" (?:of|about|regarding|concerning|on|for|as to|relating to|related to) "
    r"(?![^.]{0,200}\b(?:shall|may|must|will|can|is|are)\b)|"
    r" (?:about|regarding|concerning|on|for) [\w'/ -]{1,80}? <IS> <ADVERB><STATED>\b)",
    r"no (?:[\w'/-]+ ){1,7}?<CAN_BE> <ADVERB>(?:found|specified|mentioned|stated|identified|"
    r"listed|indicated|disclosed|discussed|addressed|located)<WHERE><END>",
    r"no (?:[\w'/-]+ ){1,7}?<CAN_BE> <ADVERB>"
    r"(?:(?:given|provided) (?:in|within|by) <SOURCE>|(?:included|contained|present|defined|"
    r"described|set forth)<WHERE>)<END>",
    r"no (?:[\w'/-]+ ){1,6}?(?:found|specified|mentioned|stated|identified|listed)<WHERE><END>",
    r"no (?:[\w'/-]+ ){0,4}?(?:date|amount|deadline|party|name|period)s? (?:is |are |was )?"
    r"(?:given|provided)<END>",
    r"no (?:[\w'/-]+ ){1,6}?(?:in|within) <SOURCE><END>",
)
NOT_FOUND = (
    r"i (?!(?:do not|don't) (?:believe|think) so)(?:<CANNOT>|"
    r"do not|don't|did not|didn't|was not able|am not able|was unable|am unable|"
    r"have not|haven't|found no|see no|have no|find no|am not sure)\b",
    r"we (?:<CANNOT>|do not|don't|did not|were unable to|are unable to|have not) "
    r"(?:find|found|locate|determine|see|answer|identify|know)\b",
    r"i'm (?:unable|not able|not sure)\b",
    r"(?:it (?:is|was|would be) )?(?:unable|impossible|not possible) (?:for me )?to "
    r"(?:determine|find|locate|identify|answer|tell|say|confirm|provide|know|ascertain)\b",
    r"<CANNOT> (?:be )?<ADVERB>(?:determined?|find|found|located?|identif(?:y|ied)|"
    r"answer(?:ed)?|tell|say|confirm(?:ed)?|known?|ascertain(?:ed)?)\b",
    r"<SUBJECT><CANNOT> be <ADVERB>(?:determined|found|located|identified|answered|inferred|"
    r"confirmed|ascertained|known|established)\b<WHERE><END>",
)
NOT_STATED = (
    r"(?:that |this )?<SUBJECT>(?:(?:<IS>|has|have)(?: not|n't)|<IS> nowhere) "
    r"(?:<ADVERB><STATED><WHERE>|in <SOURCE>)<END>",
    r"<SUBJECT>(?:does not|doesn't) exist<WHERE><END>",
    r"(?:(?!(?:if|unless|used|but|and|or|is|are|that|which|shall|may|as)\b)"
    r"[\w'/-]+[:,]? (?:- )?){1,6}not <ADVERB><STATED><WHERE><END>",
    r"<SUBJECT>(?:<IS>|remains?) <ADVERB>(?:unspecified|unstated|undisclosed|unknown|unclear|"
    r"left blank|absent|redacted|omitted)<WHERE><END>",
)
PREAMBLES = (
    r"[0-9]{1,2}[.)] +",
    r"(?:the |my )?(?:final )?(?:answer|a|response|result|output|reply)[\"']* ?(?:[:=-]|is:)"
    r"[ \"'(\[]*",
    r"(?:i'm |i am |we are )?(?:very |so )?sorry,? (?:but )?",
    r"i apologi[sz]e,? (?:but )?",
    r"as an ai(?: \w+){0,3}, ",
    r"(?:unfortunately|however|well|sorry|apologies|hmm|overall|so|yes|no)[.,] (?:but )?",
    r"(?:it (?:appears|seems|looks like)|i (?:believe|think|see)) (?:that )?",
    r"(?:based (?:up)?on|according to|from|in|within|per|as per|given|after reviewing|"
    r"upon review of|having reviewed|looking at|after a review of) "
    r"(?:my (?:review|reading) of |only )?<SOURCE>(?: \w+){0,3}, ",
)
LINKS = (
    r"(?:(?:and|but|so|nor|yet|however|also|thus|therefore|as|since|because|which|although|though|note:)"
    r",? )+",
)
BESIDE = (
    # What the source is about, but not what it says.
    r"(?:it|they|this|the rest|<SOURCE>) (?:(?:only|merely|just|simply|instead|also|mainly) )*"
    r"(?:covers?|deals? with|discuss(?:es)?|concerns?|mentions?|address(?:es)?|relates? to|"
    r"talks? about|refers? to|describes?|focus(?:es)? on|(?:is|are) (?:about|based))\b"
    r"(?!.*\bthat\b)",
    r"(?:another|(?:a|the) (?:separate|different|other)) <SOURCE> (?!.*:)",
    # Courtesy and advice.
    r"(?:please|sorry|apologies|thank you|thanks|see (?:above|below)|consult|check|refer to|"
    r"let me know|feel free|if you|you (?:may|might|should|could|can|would|will)|"
    r"i (?:hope|would|recommend|suggest|went through|looked|searched|reviewed|checked)|"
    r"(?:more|further|additional) (?:context|information|passages)|"
    r"(?:it|this) (?:may|might|could) (?:be|stand|appear) (?:in|elsewhere|set out)\b)",
)
PLAIN = (
    r"(?:(?:or|else|otherwise),? )*"
    r"(?:not[- ]?found|no answer(?: found)?|not answerable|unanswerable|i (?:do not|don't) know|"
    r"(?:it )?<CANNOT> be (?:determined|answered)(?: from <SOURCE>)?)$",
    r".*(?<!\bis)(?<!\bare)(?<!\bwas)(?<!\bwere)(?<!\bbe)(?<!\bbeen)(?<!\bif) not[- ]found$",
)
BOTH = (
    r"yes,? (?:and|or|but also) no\b",
    r"no,? (?:and|or|but also) yes\b",
    r"yes ?/ ?no\b",
    r"no ?/ ?yes\b",
    r"yes(?![\w'])(?s:.*?)[.!?;\n]\W*no(?: ?[,.;:!?-]|$)",
    r"no ?[,.;:!?-](?:(?s:.*?)[.!?;\n])?\W*yes(?![\w'])",
    r"(?:\w+ ){1,6}?(does|is|has|can) and (?:\1 not|\1n't|cannot)\b",
)
YES_NO = (
    r"\W*(?:is|are|was|were|do|does|did|can|could|may|must|shall|should|will|would|has|have)\b",
)
ABOUT_SOURCE = (  # "no" to these says that the source is silent
    r"\W*(?:is|are|was|were) there\b",
    r"\W*<DO> (?:<SOURCE>|(?:the|this|that) [\w-]+) (?:contain|include|specify|mention|state|"
    r"address|say|provide|set|have|define|grant|give|name|identify|cover|impose|restrict|limit)\b",
    r"\W*(?:is|are|was|were|has|have) [^?]*\b(?:specified|mentioned|stated|addressed|indicated|"
    r"identified|discussed|described|found|spelled out|set (?:forth|out))\b",
)


def compiled(*shapes: str) -> re.Pattern[str]:
    """One pattern for all shapes, parts of speech put in.

    >>> compiled("<DO> they").match("does they") is not None
    True
    """
    pattern, parts = "|".join(shapes), 1
    while parts:  # parts hold parts
        pattern, parts = re.subn(r"<([A-Z_]+)>", lambda part: PARTS[part[1]], pattern)
    return re.compile(pattern)


@cache  # compiling takes 50 ms, which an import shall not
def preamble() -> re.Pattern[str]:
    """What may stand before a denial.

    >>> preamble().match("answer: not found")[0]
    'answer: '
    """
    return compiled(*PREAMBLES)


@cache
def denial() -> re.Pattern[str]:
    """Every shape.

    >>> denial().match("not found in the contract")[0]
    'not found in the contract'
    """
    return compiled(*BARE, *SILENT_SOURCE, *NO_CLAUSE, *NOT_FOUND, *NOT_STATED)


@cache
def plain_denial() -> re.Pattern[str]:
    """What no contract says of itself: a whole sentence that declines wherever it stands.

    >>> [bool(plain_denial().match(said)) for said in ("not found", "the term is two years")]
    [True, False]
    """
    return compiled(*PLAIN)


@cache
def both_ways() -> re.Pattern[str]:
    """An answer that begins with yes and goes on with no, or the other way round.

    >>> both = ("yes. no", "yes and no", "yes, with consent. no party may assign")
    >>> [bool(both_ways().match(said)) for said in both]
    [True, True, False]
    """
    return compiled(*BOTH)


@cache
def links() -> re.Pattern[str]:
    """What ties a sentence to the one before it.

    >>> links().match("however, the term is two years")[0]
    'however, '
    """
    return compiled(*LINKS)


@cache
def beside() -> re.Pattern[str]:
    """A sentence that may stand beside a denial and asserts nothing of the contract.

    >>> [bool(beside().match(said)) for said in ("please consult a lawyer", "the fee is $5")]
    [True, False]
    """
    return compiled(*BESIDE)


@cache
def yes_no() -> re.Pattern[str]:
    """A question that wants yes or no.

    >>> [bool(yes_no().match(asked)) for asked in ("may it be assigned?", "what is the term?")]
    [True, False]
    """
    return compiled(*YES_NO)


@cache
def about_source() -> re.Pattern[str]:
    """A question of which "no" says that the source does not speak.

    >>> [bool(about_source().match(q)) for q in ("is there a cap?", "may it be assigned?")]
    [True, False]
    """
    return compiled(*ABOUT_SOURCE)


SILENT = re.compile(
    r"\b(?:not|no|none|nothing|neither|never|nowhere|unable|cannot)\b(?!-| (?:party|side)\b)|n't\b"
)
SPEAKS = re.compile(
    r"\b(?:mention|specif|stat(?:e|ed|es|ing)\b|say|said|tell|address|indicat|disclos|contain|"
    r"cover|found\b|find\b|dealt|deal|refer|answer|identif|inform|determin|confirm|promis|set\b|"
    r"provision|clause|describ|includ|fix|see\b|show|list|oblig|prohibition|define|detail)"
)
SOURCE = re.compile(
    r"\b(?:passages?|excerpts?|excerpted|context|text|contract|agreement|document|sections?|"
    r"clauses?|provisions?|information|them|i|we|stated|mentioned|specified)\b"
)
RULE = re.compile(r"\b(?:shall|must|may|will)\b")

# Every denial contains one of these; most answers do not, and are spared the rest.
CUE = re.compile(
    r"\bno|n't\b|\bun|cannot|can not|n/?\.?a|nil\b|null\b|insufficient|impossible|lack|omit|fail|"
    r"silent|never|neither|missing|absent|indeterminate|blank|redacted"
)
