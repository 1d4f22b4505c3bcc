"""Whether an answer says that the contract does not answer.

Contract clauses are full of negation ("Neither party may assign ..."), so a negative word proves
nothing. An answer abstains when its first sentence, freed of its preamble, has the shape of one:
it denies that a source speaks, that a clause exists, or that the speaker could find it. The
patterns are anchored at the sentence's beginning and read at most `HEAD` characters.
"""

import re

from evals.scores import Score
from fixtures.cases import Case
from models.chat import Answer

HEAD = 400
TYPOGRAPHY = str.maketrans("‘’“”‐‑–—", "''\"\"----", "*_`#>")

ADVERB = (
    r"(?:(?:explicitly|expressly|specifically|directly|clearly|actually|currently|otherwise|"
    r"even|also|seem to|appear to|anywhere|ever|been|be|being|fully|yet)\s)*"
)
SOURCE = (
    r"(?:(?:the|this|these|those|any|any of the|either of the|your|our)\s)?"
    r"(?:(?:provided|given|supplied|above|following|relevant|available|retrieved|shown|entire|"
    r"present|attached|quoted|source|license|lease|service|supply|contract|agreement)\s)*"
    r"(?:contract|agreement|document|passage|excerpt|text|section|clause|context|information|"
    r"material|extract|snippet|provision|article|content|portion|source|page|language)s?"
    r"(?:\s(?:provided|given|above|shown|supplied|itself|text|excerpts?|passages?|here|"
    r"in question|of the (?:contract|agreement|document)|you provided|i was given))*"
)
NOUN = (
    r"(?:provision|clause|information|mention|language|term|section|statement|reference|details?|"
    r"indication|answer|evidence|passage|data|text|record|specifics?|article|stipulation|"
    r"specification|discussion|definition|description|requirement|restriction|content|match|"
    r"matche|result|context|detail|wording|basis|sign)e?s?"
)
STATED = (
    r"(?:found|specified|mentioned|stated|addressed|indicated|disclosed|identified|defined|"
    r"listed|discussed|described|set forth|set out|spelled out|included|contained|covered|"
    r"present|given|provided|available|referenced|noted|detailed|outlined|clear|named|"
    r"established|applicable|answered|answerable|located|recorded|there|visible|shown|known|"
    r"determinable|explicit)"
)
STATES = (
    r"(?:specif(?:y|ies)|mentions?|states?|address(?:es)?|indicates?|disclose?s?|identif(?:y|ies)|"
    r"contains?|discuss(?:es)?|says?|describes?|references?|refers? to|sets? (?:forth|out)|"
    r"answers?|speaks? (?:to|of)|spells? out|names?|gives? (?:any|an?|the|enough)|"
    r"tells?|reveals?|details?|lists?|clarif(?:y|ies)|stipulates?|touch(?:es)? on|"
    r"covers? (?:this|that|the (?:question|topic|issue))|"
    r"defines? (?:any|an?|the (?:term|governing|effective|expiration))|"
    r"outlines?|provides? (?:for\b|(?:(?:any|an|the|enough|sufficient|a|specific|explicit|"
    r"relevant)\s){0,3}(?:\w+\s){0,3}" + NOUN + r"|that\b|this\b)|"
    r"(?:includes?|have|has) (?:(?:any|an|a|enough|sufficient|the|specific|explicit|"
    r"relevant|such)\s){0,3}(?:[\w-]+\s){0,3}" + NOUN + r")"
)
NEGATED = r"(?:(?:do|does|did)(?:\snot|n't)\s" + ADVERB + STATES + r"|"
NEGATED += r"(?:make|give|contain|offer|provide)s? no\b|(?:include|ha(?:s|ve)|have)s? no\s(?:[\w-]+\s){0,4}"
NEGATED += NOUN + r"|(?:is|are|remains?) silent\b|lacks? (?:any|an?\b)|omits? any|fails? to " + STATES
NEGATED += r"|never\s" + STATES + r")"
END = r"(?=\s*(?:$|[.,;:!?()\[\]\"]|-\s))"
WHERE = (
    r"(?:\s(?:anywhere\s)?(?:in|within|by|from|under|to|for|on the basis of|based on)\s"
    r"(?:any of\s)?" + SOURCE + r"|\s(?:here|anywhere|at all|to me|herein))*"
)
IS_NOT = r"(?:(?:is|are|was|were|has|have)(?:\snot|n't)|(?:is|are) nowhere)\s"
# A subject of a few words without a verb that would make the sentence a rule of the contract.
SUBJECT = r"(?:(?!(?:if|unless|that|which|who|shall|will|may|must|any|not|no|where)\b)[\w'/$%&-]+\s){1,12}"
CANNOT = r"(?:cannot|can not|can't|could not|couldn't)"

PREAMBLE = re.compile(
    r"(?:answer|a|response|final answer)\s?[:=]\s*|(?:i'm |i am |we are )?(?:very |so )?sorry,?\s(?:but\s)?"
    r"|(?:unfortunately|however|well|sorry|apologies|hmm|overall|so|yes|no),\s(?:but\s)?"
    r"|(?:it (?:appears|seems|looks like)|i (?:believe|think|see)) (?:that\s)?"
    r"|(?:based (?:up)?on|according to|from|in|within|per|as per|given|after reviewing|upon review of|"
    r"having reviewed|looking at|after a review of)\s(?:my (?:review|reading) of\s|only\s)?"
    + SOURCE
    + r"(?:\s\w+){0,3},\s"
)
ABSTENTIONS = re.compile(
    "|".join(
        (
            # A bare formula.
            r"(?:no|n/?\.?a|none|nil|null|nothing|unknown|unspecified|undisclosed|unclear|"
            r"unanswerable|undetermined|absent|missing|indeterminate|no answer|not answerable|"
            r"i don't know|i do not know)\.?$",
            r"n/a\b",
            r"(?:it (?:is|was) |this (?:is|was) |that is )?not\s" + ADVERB + STATED + WHERE + END,
            r"(?:it (?:is|was) |this (?:is|was) )?(?:unclear|unknown|unspecified|undisclosed|"
            r"unstated|not clear)(?:\s(?:from|in|based on|whether|what|who|when|how)\b|" + END + ")",
            r"(?:there is |there's )?(?:insufficient|not enough)\s(?:[\w-]+\s)?"
            r"(?:information|context|details?|data|evidence)\b",
            # A source that does not speak.
            SOURCE + r"\s" + ADVERB + NEGATED,
            r"(?:it|they|this|that)\s" + NEGATED,
            SOURCE + r"[^.]{0,200}?\s(?:but|and)\s(?:it |they |" + SOURCE + r" )?" + NEGATED,
            r"(?:while|although|though)\s[^.]{0,200}?,\s(?:it|they|" + SOURCE + r")\s" + NEGATED,
            r"(?:none of|neither of)\s" + SOURCE + r"\s" + ADVERB + STATES,
            r"nothing\s(?:in\s" + SOURCE + r"\s)?" + ADVERB + r"(?:" + STATES + r"|found\b|suggests\b)",
            # A clause that does not exist.
            r"there\s(?:is|are|was|were|does not (?:appear|seem) to be|doesn't (?:appear|seem) to be|"
            r"appears to be|seems to be|isn't|aren't|exists?)\s(?:no|not an?|not any|any|an?)\s"
            r"(?:(?!(?:other|than|limit|third)\b)[\w'/-]+\s){0,6}?"
            r"(?:" + NOUN + r"\b(?! (?:or|and|to) )|[\w'/-]+\s(?:in|within)\s" + SOURCE + END
            + r"|[\w'/-]+\s" + STATED + r"\b)",
            r"there (?:is|are) (?:none|no such)\b",
            r"no such\s[\w'-]+(?:\s[\w'-]+){0,3}" + END,
            r"no\s(?:(?!(?:party|person|other|of)\b)[\w'/-]+\s){0,4}?" + NOUN
            + r"(?:" + END + r"|\s(?:(?:is|are|was|were|has been|could be|can be)\s)?" + ADVERB
            + r"(?:" + STATED + r"\b|exists?\b)|\s(?:in|within)\s" + SOURCE + END
            + r"|\s(?:that\s|which\s)?" + STATES
            + r"|\s(?:of|about|regarding|concerning|on|for|as to|relating to|related to)\s"
            r"(?![^.]{0,200}\b(?:shall|may|must|will|can|is|are)\b)"
            r"|\s(?:about|regarding|concerning|on|for)\s[\w'/ -]{1,80}?\s(?:is|are|was|were)\s"
            + ADVERB + STATED + r"\b)",
            r"no\s(?:[\w'/-]+\s){1,7}?(?:(?:is|are|was|were|has been|have been|could be|can be)\s)"
            + ADVERB + r"(?:found|specified|mentioned|stated|identified|listed|indicated|disclosed|"
            r"discussed|addressed|located|(?:given|provided|included|contained|present|defined|"
            r"described|set forth)" + WHERE + r")" + WHERE + END,
            r"no\s(?:[\w'/-]+\s){1,6}?(?:found|specified|mentioned|stated|identified|listed)"
            + WHERE + END,
            r"no\s(?:date|amount|deadline|party|name|period)s?\s(?:is |are |was )?(?:given|provided)" + END,
            r"no\s(?:[\w'/-]+\s){1,6}?(?:in|within)\s" + SOURCE + END,
            # A speaker who could not find it.
            r"(?:i|we)\s(?:" + CANNOT + r"|do not|don't|did not|didn't|was not able to|"
            r"am not able to|was unable to|am unable to|were unable to|are unable to|have not|"
            r"haven't|found no\b|see no\b|have no\b|find no\b|'m unable to|'m not able to|"
            r"am not sure|'m not sure)(?:\s" + ADVERB + r"(?:find|found|locate|determine|see|seen|"
            r"answer|identify|provide|tell|know|confirm|have|give|say|extract|be sure|spot)\b|\s|$)",
            r"i'm (?:unable|not able|not sure)\b",
            r"(?:it (?:is|was|would be) )?(?:unable|impossible|not possible)\s(?:for me\s)?to\s"
            r"(?:determine|find|locate|identify|answer|tell|say|confirm|provide|know|ascertain)\b",
            CANNOT + r"\s(?:be\s)?" + ADVERB + r"(?:determined?|f(?:ind|ound)|locate?d?|"
            r"identif(?:y|ied)|answer(?:ed)?|tell|say|confirm(?:ed)?|known?|ascertain(?:ed)?)\b",
            SUBJECT + CANNOT + r"\sbe\s" + ADVERB
            + r"(?:determined|found|located|identified|answered|inferred|confirmed|ascertained|"
            r"known|established)\b" + WHERE + END,
            # A thing that is not stated.
            SUBJECT + IS_NOT + ADVERB + STATED + WHERE + END,
            SUBJECT + IS_NOT + r"(?:in|part of)\s" + SOURCE + END,
            SUBJECT + r"(?:is|are|was|were|remains?)\s" + ADVERB
            + r"(?:unspecified|unstated|undisclosed|unknown|unclear|left blank|absent|redacted"
            r"|omitted)" + WHERE + END,
        )
    )
)
SENTENCE_END = re.compile(r"[.!?](?=\s)|\n|$")


def abstains(text: str) -> bool:
    """Whether the gist of `text` is "not found".

    >>> abstains("The contract does not specify a renewal term."), abstains("")
    (True, True)
    >>> abstains("Neither party may assign this Agreement without consent.")
    False
    """
    head = " ".join(text[:HEAD].translate(TYPOGRAPHY).lower().split())
    head = head.strip(" \"'-[](){}<>.!?:")
    while (preamble := PREAMBLE.match(head)) and preamble.end():
        head = head[preamble.end() :].lstrip()
    sentence = head[: SENTENCE_END.search(head).start()]
    return not head or ABSTENTIONS.match(sentence) is not None


def abstention(case: Case, answer: Answer) -> Score:
    """1.0 when an answer to a question that the contract does not answer says so."""
    return Score(float(abstains(answer.text)))


def laziness(case: Case, answer: Answer) -> Score:
    """1.0 when an answer refuses a question that the contract answers; lower is better.

    Source: ContractEval (Liu et al. 2025), "laziness" of a model that says "no related clause".
    """
    return Score(float(abstains(answer.text)))
