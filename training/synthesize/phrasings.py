"""CUAD's 41 questions in wordings of our own, and what each is about.

None is near a question of the data set, nor near one of `evals.variants.paraphrases`, which the
exam asks to see whether a model is robust against wording.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrasing:
    """How a category is asked about: `topic` completes "the clause on ...", without a full stop."""

    topic: str
    wordings: tuple[str, ...]


# fmt: off
PHRASINGS: dict[str, Phrasing] = {
    "Document Name": Phrasing("the title of this document", (
        "Give the heading that this document carries.",
        "What kind of agreement does the first page say this is?",
        "Quote the agreement's title.")),
    "Parties": Phrasing("one of the contracting parties", (
        "Name one of the parties to the agreement.",
        "Give the name of a company or person that is bound as a signatory.",
        "Quote a party's name as it is written here.")),
    "Agreement Date": Phrasing("the date on which the agreement was made", (
        "On what day was this agreement made?",
        "Give the day, month and year written at the head of the agreement.",
        "Quote the signing date.")),
    "Effective Date": Phrasing("the beginning of the agreement's effect", (
        "As of when does the agreement bind the parties?",
        "Give the effective date.",
        "What day marks the start of the parties' rights and duties?")),
    "Expiration Date": Phrasing("the end of the initial term", (
        "When will this agreement expire if nobody renews it?",
        "How long does the initial term run?",
        "Quote the words that fix the term.")),
    "Renewal Term": Phrasing("renewal of the term", (
        "Does the agreement renew itself, and for how long each time?",
        "Quote the provision on extending the term.",
        "What happens at the end of the initial term if nobody objects?")),
    "Notice Period To Terminate Renewal": Phrasing("notice of non-renewal", (
        "By when must a notice of non-renewal be given?",
        "How many days before the term ends can a party still prevent an extension?",
        "Quote the deadline for opting out of an automatic extension.")),
    "Governing Law": Phrasing("the choice of law", (
        "Which law applies to the agreement?",
        "What legal system did the parties choose?",
        "Quote the choice-of-law clause.")),
    "Most Favored Nation": Phrasing("most-favored treatment", (
        "Is one party promised terms as good as those of other customers?",
        "Quote any promise that nobody else will get a better price or conditions.",
        "If another buyer is offered a lower price, what must the seller do?")),
    "Competitive Restriction Exception": Phrasing("exceptions from a competitive restriction", (
        "What remains allowed in spite of the exclusivity or non-compete clause?",
        "Quote the carve-out from the restrictions on competition.",
        "In which situations does the restriction on competing activities not apply?")),
    "Non-Compete": Phrasing("competing activities", (
        "Which competing activities are forbidden?",
        "Quote the covenant not to compete.",
        "Who may not enter a rival business, and for how long?")),
    "Exclusivity": Phrasing("exclusive dealing", (
        "What exclusive rights or duties does the agreement create?",
        "Quote the promise to deal with one partner only.",
        "Is anybody appointed as sole or exclusive supplier, distributor or licensee?")),
    "No-Solicit Of Customers": Phrasing("solicitation of the other side's customers", (
        "Which clause protects a party's customer base from being approached?",
        "Quote the ban on winning over clients of the other side.",
        "Whose clients are off limits?")),
    "No-Solicit Of Employees": Phrasing("solicitation of the other side's employees", (
        "Which clause forbids poaching of personnel?",
        "Quote the ban on recruiting people who work for the other side.",
        "Whose employees may not be hired away, and until when?")),
    "Non-Disparagement": Phrasing("disparaging statements", (
        "What is said about statements that harm the other side's reputation?",
        "Quote the non-disparagement covenant.",
        "Which negative remarks are prohibited?")),
    "Termination For Convenience": Phrasing("termination for convenience", (
        "Who can walk away from the agreement at any time, and how?",
        "Quote the right to end the agreement without a reason.",
        "How much warning must be given to cancel when nobody is at fault?")),
    "Rofr/Rofo/Rofn": Phrasing("rights of first refusal, offer or negotiation", (
        "Who gets the first chance before something is offered to outsiders?",
        "Quote the right of first refusal, offer or negotiation.",
        "What must be offered to a party first?")),
    "Change Of Control": Phrasing("a change of control", (
        "What are the consequences when a party is acquired?",
        "Quote the change-of-control provision.",
        "Which rights arise if ownership of a party changes hands?")),
    "Anti-Assignment": Phrasing("assignment of the agreement", (
        "Under what conditions may the agreement be assigned?",
        "Quote the restriction on assignment.",
        "Is prior written consent needed to transfer rights and duties hereunder?")),
    "Revenue/Profit Sharing": Phrasing("sharing of revenue", (
        "How is income split between the parties?",
        "Quote the royalty or revenue share.",
        "Which percentage or part of its earnings does one side pay to the other?")),
    "Price Restrictions": Phrasing("changes of price", (
        "How far may prices be changed?",
        "Quote the cap on price increases.",
        "When and by how much can the fees go up?")),
    "Minimum Commitment": Phrasing("minimum purchases", (
        "What is the least that must be bought or paid?",
        "Quote the minimum purchase obligation.",
        "Which quota has to be met each year or month?")),
    "Volume Restriction": Phrasing("limits on the volume of use", (
        "What limit is put on the amount of use?",
        "Quote the clause on exceeding the agreed volume.",
        "Are extra charges due above a certain quantity or number of users?")),
    "Ip Ownership Assignment": Phrasing("assignment of intellectual property", (
        "Who will own the inventions and works made under the agreement?",
        "Quote the assignment of intellectual property.",
        "Which rights in newly created work pass to the other side?")),
    "Joint Ip Ownership": Phrasing("jointly owned intellectual property", (
        "Which inventions or works belong to both sides?",
        "Quote the clause on joint ownership.",
        "What do the parties hold in common?")),
    "License Grant": Phrasing("the grant of a license", (
        "What is licensed, and to whom?",
        "Quote the license grant.",
        "Which rights to use another's property does the agreement confer?")),
    "Non-Transferable License": Phrasing("transfer of the license", (
        "Can the licensee sublicense or hand on its rights?",
        "Quote the words that make the license non-transferable.",
        "Is the licence personal to its holder?")),
    "Affiliate License-Licensor": Phrasing("licenses from the licensor's affiliates", (
        "Which group companies of the grantor also give rights?",
        "Quote the grant made on behalf of the licensor's affiliates.",
        "Does the grant extend to property of companies related to the grantor?")),
    "Affiliate License-Licensee": Phrasing("use of the license by the licensee's affiliates", (
        "May group companies of the licensee use what is licensed?",
        "Quote the grant to the licensee and its affiliates.",
        "Which subsidiaries share in the rights that are granted?")),
    "Unlimited/All-You-Can-Eat-License": Phrasing("unlimited use under the license", (
        "Which rights are granted without any limit of number or volume?",
        "Quote the unlimited license.",
        "May an unrestricted number of users or copies be made?")),
    "Irrevocable Or Perpetual License": Phrasing("a perpetual or irrevocable license", (
        "Which license never ends or cannot be taken back?",
        "Quote the words that make a license perpetual or irrevocable.",
        "Are any rights of use granted without end?")),
    "Source Code Escrow": Phrasing("escrow of source code", (
        "When is the deposited source code released?",
        "Quote the escrow provision.",
        "With whom is software code to be deposited for safekeeping?")),
    "Post-Termination Services": Phrasing("duties after termination", (
        "Which duties outlive the agreement?",
        "Quote what has to be done upon expiration or termination.",
        "What must be returned, paid or continued when the relationship is over?")),
    "Audit Rights": Phrasing("audits and inspection of records", (
        "Who may inspect books and records, and when?",
        "Quote the audit right.",
        "On what notice and how often can records be examined?")),
    "Uncapped Liability": Phrasing("liability without a cap", (
        "For what is a party's liability unlimited?",
        "Quote the exceptions from the limit of liability.",
        "Which claims are not subject to any maximum?")),
    "Cap On Liability": Phrasing("the limit of liability", (
        "Up to what amount is a party liable?",
        "Quote the limitation of liability.",
        "Which damages are excluded, or what is the most that can be recovered?")),
    "Liquidated Damages": Phrasing("liquidated damages or a termination fee", (
        "Which fixed sum falls due on breach or early termination?",
        "Quote the provision on liquidated damages or a termination fee.",
        "What has to be paid as agreed compensation?")),
    "Warranty Duration": Phrasing("the warranty period", (
        "When does the warranty expire?",
        "Quote the warranty period.",
        "For how many days or months are defects covered?")),
    "Insurance": Phrasing("insurance", (
        "What insurance cover is required?",
        "Quote the insurance requirements.",
        "Which policies have to be taken out, and in what amounts?")),
    "Covenant Not To Sue": Phrasing("a promise not to sue or to contest rights", (
        "Which challenges or lawsuits are given up?",
        "Quote the covenant not to sue or to contest.",
        "What may a party not dispute about the other's trademarks, patents or other rights?")),
    "Third Party Beneficiary": Phrasing("third-party beneficiaries", (
        "Who besides the signatories can rely on the agreement?",
        "Quote the clause that names a third-party beneficiary.",
        "Do outsiders acquire rights under the agreement?")),
}


# fmt: on


def phrasing_of(category: str) -> Phrasing:
    """The category's phrasing; one of no category of CUAD's is asked about by its name.

    >>> phrasing_of("Export Control").topic
    'export control'
    """
    topic = " ".join(category.lower().split())
    return PHRASINGS.get(category) or Phrasing(topic, (f"Quote the provision on {topic}.",))
