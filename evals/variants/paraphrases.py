"""CUAD's 41 questions in other words, by category."""

from random import Random

from fixtures.cases import Case

# fmt: off
PARAPHRASES: dict[str, tuple[str, str]] = {
    "Document Name": (
        "How is this contract titled?",
        "Under what title was the document drawn up?"),
    "Parties": (
        "Between which persons or companies was the contract concluded?",
        "Name everyone who entered into this contract."),
    "Agreement Date": (
        "When was the contract signed or dated?",
        "Which date does the contract bear?"),
    "Effective Date": (
        "From which day on does the contract take effect?",
        "When does the contract come into force?"),
    "Expiration Date": (
        "When does the first term of the contract run out?",
        "Until when does the contract's original term last?"),
    "Renewal Term": (
        "Once the first term is over, for how long is the contract extended, be it automatically "
        "or by one party's notice?",
        "By what further period does the contract go on after its first term, whether by itself "
        "or because a party gives prior notice?"),
    "Notice Period To Terminate Renewal": (
        "How long in advance must a party say that it does not want the contract renewed?",
        "How much notice is needed to stop the contract from renewing?"),
    "Governing Law": (
        "The law of which state or country applies to how the contract is interpreted?",
        "Under which jurisdiction's law is the contract to be construed?"),
    "Most Favored Nation": (
        "Must the buyer be given the better terms if a third party obtains better ones for the "
        "technology, goods or services licensed or sold under the contract?",
        "Does the contract hold a most-favored-customer clause, so that better terms granted to a "
        "third party for the same technology, goods or services go to the buyer too?"),
    "Competitive Restriction Exception": (
        "Which carveouts are there from the non-compete, the exclusivity and the ban on soliciting "
        "customers?",
        "What is excepted from the clauses on non-competition, exclusivity and no-solicitation of "
        "customers?"),
    "Non-Compete": (
        "Is a party barred from competing with the other, or from being active in some territory, "
        "business or technology sector?",
        "Does the contract limit a party's freedom to compete with its counterparty, or to work in "
        "a given region, line of business or field of technology?"),
    "Exclusivity": (
        "Does a party bind itself to deal with the other alone, for example to buy all its "
        "requirements of some technology, goods or services there, or not to license, sell to or "
        "work with third parties, during the contract or after it?",
        "Is there any commitment to exclusive dealing, such as to source all requirements from one "
        "party or to keep from licensing, selling to or collaborating with others, while the "
        "contract runs or once it has ended?"),
    "No-Solicit Of Customers": (
        "May a party not solicit or contract with the other's customers or partners, during the "
        "contract or afterwards?",
        "Does anything keep a party from approaching or doing business with customers or partners "
        "of its counterparty, while the contract lasts or after its end?"),
    "No-Solicit Of Employees": (
        "May a party not hire or solicit the other's employees or contractors, during the contract "
        "or afterwards?",
        "Does anything keep a party from luring away or engaging its counterparty's staff or "
        "contractors, while the contract lasts or after its end?"),
    "Non-Disparagement": (
        "Must a party refrain from disparaging the other?",
        "Does the contract forbid a party to speak ill of its counterparty?"),
    "Termination For Convenience": (
        "Is a party free to end the contract without giving any cause, just by notice and the "
        "lapse of a waiting period?",
        "Does the contract let a party terminate at will, that is with notice alone and for no "
        "reason?"),
    "Rofr/Rofo/Rofn": (
        "Does a party hold a right of first refusal, first offer or first negotiation over buying, "
        "licensing, marketing or distributing equity, technology, assets, products or services?",
        "Must a party be approached first (by refusal, offer or negotiation) before equity, "
        "technology, assets, products or services are sold, licensed, marketed or distributed?"),
    "Change Of Control": (
        "If a party is merged, sells its stock or all or substantially all of its assets or "
        "business, or the contract passes by operation of law, may the other terminate, or must "
        "it be notified or asked for consent?",
        "What follows from a change of control of one party (merger, stock sale, transfer of all "
        "or substantially all assets or business, assignment by operation of law): may the other "
        "terminate, or must it consent or be notified?"),
    "Anti-Assignment": (
        "If a party assigns the contract to a third party, must it give notice or obtain consent?",
        "Does handing the contract over to somebody else require a consent or a notice?"),
    "Revenue/Profit Sharing": (
        "Does a party have to give the other a share of its revenue or profit from any technology, "
        "goods or services?",
        "Is revenue or profit from technology, goods or services to be divided with the "
        "counterparty?"),
    "Price Restrictions": (
        "Is a party limited in raising or lowering the prices of the technology, goods or services "
        "that it provides?",
        "Does the contract restrain price increases or price cuts for technology, goods or "
        "services supplied?"),
    "Minimum Commitment": (
        "Must a party buy at least some order size, amount or number of units per period from the "
        "other?",
        "Does the contract set a minimum that one party has to order or purchase from its "
        "counterparty?"),
    "Volume Restriction": (
        "Does use of the product or services beyond some threshold bring a higher fee, require a "
        "consent, or the like?",
        "What happens when a party uses more of the product or services than a set volume: is "
        "there a fee increase, a consent requirement or the like?"),
    "Ip Ownership Assignment": (
        "Does intellectual property that one party creates come to belong to the other, at once or "
        "when certain events occur?",
        "Is a party to hand over to its counterparty the ownership of intellectual property that "
        "it makes, by the contract's terms or upon some event?"),
    "Joint Ip Ownership": (
        "Do the parties own any intellectual property together?",
        "Does any clause make intellectual property the shared or joint property of the parties?"),
    "License Grant": (
        "Does one party license anything to the other under this contract?",
        "Which license, if any, is given by one party to its counterparty?"),
    "Non-Transferable License": (
        "Is a party restricted in passing the license that it is given on to a third party?",
        "Does the contract keep a licensee from transferring its license to others?"),
    "Affiliate License-Licensor": (
        "Do affiliates of the licensor grant a license too, or does the license cover intellectual "
        "property of the licensor's affiliates?",
        "Is anything licensed by, or owned by, affiliates of the party that gives the license?"),
    "Affiliate License-Licensee": (
        "Does a license reach the affiliates of the licensee or sublicensor as well as itself?",
        "Are affiliates of the party that receives the license (or sublicenses it) licensed too?"),
    "Unlimited/All-You-Can-Eat-License": (
        "Is a party granted a license of unlimited use, such as an enterprise or all-you-can-eat "
        "license?",
        "Does any clause let a party use what is licensed without limit (an enterprise or "
        "“all you can eat” license)?"),
    "Irrevocable Or Perpetual License": (
        "Is any license in the contract granted for ever, or such that it cannot be revoked?",
        "Does the contract grant a perpetual or an irrevocable license?"),
    "Source Code Escrow": (
        "Must a party place its source code in escrow with a third party, to be released to the "
        "other upon events such as insolvency or bankruptcy?",
        "Is there an escrow of source code from which the counterparty may receive it when "
        "bankruptcy, insolvency or another such event occurs?"),
    "Post-Termination Services": (
        "What must a party still do after the contract has expired or been terminated, for example "
        "transition, payment, transfer of IP, wind-down or a last buy?",
        "Do any duties (transition, payment, IP transfer, wind-down, last-buy and the like) bind a "
        "party beyond the end of the contract?"),
    "Audit Rights": (
        "May a party inspect the other's books, records or premises to check that the contract is "
        "kept?",
        "Does the contract entitle a party to audit its counterparty's accounts, records or "
        "locations for compliance?"),
    "Uncapped Liability": (
        "Is a party liable without limit for breach, be it in general or for some kinds such as IP "
        "infringement or breach of confidentiality?",
        "For which breaches, if any (such as of confidentiality or of intellectual property), is "
        "there no cap on a party's liability?"),
    "Cap On Liability": (
        "Is a party's liability for breach limited, by a maximum amount or by a time within which "
        "claims must be brought?",
        "What limits the recovery for a party's breach, in amount or in the time for bringing a "
        "claim?"),
    "Liquidated Damages": (
        "Does a party owe liquidated damages for a breach, or a fee when the contract is "
        "terminated?",
        "Does any clause fix damages in advance for breach, or a termination fee?"),
    "Warranty Duration": (
        "For how long is there a warranty against defects or errors in the technology, products or "
        "services provided?",
        "How long does any warranty last that technology, products or services are free of defects "
        "or errors?"),
    "Insurance": (
        "Must a party keep up insurance for the other's benefit?",
        "Is one party obliged to carry insurance in favor of its counterparty?"),
    "Covenant Not To Sue": (
        "Is a party kept from challenging the other's ownership of its intellectual property, or "
        "from bringing claims against it in matters apart from the contract?",
        "Has a party promised not to contest the validity of its counterparty's intellectual "
        "property rights, or not to sue it over matters unrelated to the contract?"),
    "Third Party Beneficiary": (
        "May anyone who is not a party benefit from some or all of the clauses and enforce them "
        "against a party?",
        "Does the contract give an outsider, as its beneficiary, rights that it can enforce "
        "against a contracting party?"),
}
# fmt: on
FRAMES = (
    "Please look into the contract and answer this: {question}",
    "We are reviewing this contract and need to know the following. {question}",
    "{question} Answer from the contract, please.",
)


def paraphrase(case: Case, draw: Random) -> str:
    """The case's question in other words; one of no category of CUAD's is put in a frame."""
    if case.category in PARAPHRASES:
        return draw.choice(PARAPHRASES[case.category])
    return draw.choice(FRAMES).format(question=case.question)
