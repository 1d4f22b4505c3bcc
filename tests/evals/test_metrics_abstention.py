"""Abstentions are told from clauses full of negation."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.abstention import abstains, abstention, declines, laziness
from fixtures.cases import Case, Contract
from models.chat import Answer

CUAD = Path(__file__).parents[2].parent / "shared" / "cuad" / "CUAD_v1.json"

ABSTAINING = """
Not found
Not found.
NOT FOUND
"Not found."
**Not found**
[Not found]
Answer: Not found.
not found in the contract
Not found in the passages provided.
Not found – the excerpts only cover payment terms.
N/A
n/a.
N/A - the contract is silent on this.
NA
None
None.
None found.
None specified.
None of the passages mention a governing law.
None of the provided excerpts address exclusivity.
Nothing found.
Nothing in the passages specifies the renewal term.
Nothing in the contract addresses this.
No
No.
No answer.
No answer found
No such clause.
No such provision exists.
No such clause exists in this agreement.
No clause found.
No relevant clause.
No relevant clause was found.
No related clause.
No information.
No information provided.
No information is given about the renewal term.
No information about the expiration date is provided.
No mention of a non-compete.
No mention is made of insurance requirements.
No provision for audit rights.
No provision of the agreement addresses this.
No governing law is specified.
No governing law is specified in the contract.
No expiration date is provided.
No expiration date mentioned in the agreement.
No non-compete clause in this contract.
No, there is no such restriction.
No, the agreement does not contain a non-compete clause.
No. The contract does not contain an exclusivity provision.
Not mentioned.
Not mentioned in the provided passages.
Not stated.
Not stated in the agreement
Not provided
Not provided in the text.
Not addressed.
Not specified
Not specified in the contract.
Not explicitly specified in the given excerpts.
Not applicable.
Not available in the context.
Not answerable from the passages.
Unknown
Unknown.
Unspecified.
Unanswerable
Unclear.
It is not specified.
It is not specified in the contract.
It is unclear from the passages whether consent is required.
It does not say.
It doesn't specify a date.
This is not addressed in the contract.
This information is not provided in the passages.
This question cannot be answered from the passages.
The contract does not specify the governing law.
The contract doesn't specify the governing law.
The contract doesn’t mention a warranty period.
The contract does not explicitly mention a non-compete.
The contract does not appear to contain an anti-assignment clause.
The contract is silent on this point.
The contract makes no mention of insurance.
The contract contains no non-compete clause.
The contract fails to specify an expiration date.
The contract lacks a termination for convenience clause.
The agreement does not provide for automatic renewal.
The agreement does not provide any information about revenue sharing.
The agreement does not address this issue.
The agreement does not state when it expires.
The agreement does not include a most favored nation clause.
The agreement has no provision on source code escrow.
This agreement does not contain any restriction on competition.
The passages do not contain the answer.
The passages don't say.
The passages do not contain information about the effective date.
The provided passages do not mention any liquidated damages.
The provided passages do not give the effective date.
The excerpts provided do not indicate a cap on liability.
The given context does not provide enough information to answer the question.
The text does not have a clause about volume restrictions.
The document does not disclose the renewal term.
The passages discuss payment terms but do not specify a governing law.
While the agreement mentions renewal, it does not specify a notice period.
The governing law is not specified.
The governing law is not specified in the contract.
The governing law isn't specified in the provided passages.
The renewal term is not mentioned anywhere in the agreement.
The expiration date is not stated in the passages provided.
The requested information is not available.
The requested information was not found in the contract.
The answer is not in the passages.
The answer cannot be determined from the given passages.
The effective date cannot be determined from the passages.
The expiration date is unspecified.
The notice period is left blank in the contract.
There is no mention of a non-compete clause in the contract.
There is no provision for termination for convenience.
There is no information about the renewal term in the passages.
There is no such clause in this contract.
There is no non-compete clause in this agreement.
There is no specific clause that addresses this.
There are no restrictions on competition in this contract.
There isn't any mention of insurance.
There's no indication of a warranty duration.
There is not enough information to answer.
There does not appear to be a non-compete clause.
I cannot find this in the contract.
I can't find any clause about that.
I could not find a governing law clause in the passages.
I couldn't locate the clause.
I am unable to find this information.
I'm unable to determine the governing law from the passages provided.
I do not know.
I don't know.
I don’t know the answer.
I don't have enough information to answer this question.
I'm sorry, but I cannot answer this question based on the passages.
I'm sorry, but the contract does not specify this.
I'm not sure.
Sorry, I can't answer that from the passages.
Unable to determine.
Unable to determine from the passages.
Unable to find the answer in the provided text.
Cannot determine.
Cannot be determined.
Cannot be determined from the passages.
It cannot be determined from the contract.
It is not possible to determine the answer from the passages.
Insufficient information.
Insufficient information to answer the question.
Not enough information in the passages.
Unfortunately, the passages do not mention this.
Based on the provided passages, there is no mention of a governing law.
Based on the passages provided, the governing law is not specified.
Based on the contract, I cannot determine the renewal term.
According to the contract, there is no such clause.
After reviewing the passages, I could not find a non-compete clause.
It appears that the contract does not specify an expiration date.
There's nothing in the contract about audit rights.
Nothing about audit rights.
The passages don't provide a date.
The provided excerpt doesn't include the effective date.
Neither passage mentions an expiration date.
Clause not found.
Governing law: not specified.
Expiration Date - not stated
Information not available in the passages.
None is specified in the contract.
It's not mentioned.
That information isn't in the contract.
Not in the passages.
Does not say.
Does not specify a date.
The Agreement is not clear on this point.
The clause does not exist.
I apologize, but I could not find that information.
As an AI language model, I cannot determine this.
""".strip().splitlines()

SUBSTANTIVE = """
Neither party may assign this Agreement without the prior written consent of the other.
Neither Party shall be liable for lost profits.
Licensee shall not be found liable for any indirect damages.
No party shall compete with the other during the Term.
No Party may assign this Agreement without consent.
No provision of this Agreement may be waived except in a writing signed by both parties.
No term or condition of this Agreement shall be deemed waived.
No information disclosed hereunder shall be used for any other purpose.
No license is granted under any patent.
No warranty is provided by Licensor.
No assignment by either Party shall be valid without consent.
No more than one audit may be conducted in any twelve month period.
No later than 30 days after the Effective Date.
No, Licensee may not sublicense the Software.
No. Neither party may assign this agreement without consent.
No action may be brought more than one year after the cause of action has arisen.
No failure to exercise any right shall operate as a waiver.
None of the parties may solicit the employees of the other.
None of the foregoing limitations shall apply to a breach of Section 4.
Nothing in this Agreement shall limit either party's liability for fraud.
Nothing herein shall prevent Licensor from competing.
Nothing contained in this Agreement shall be construed as a license.
Not less than thirty (30) days.
Not later than December 31, 2021.
Not to exceed $1,000,000.
Not exclusive.
Non-exclusive
Non-transferable.
Notwithstanding the foregoing, the Agreement shall not be assigned.
None other than Acme Corp.
Nonesuch Records, Inc.
Norway
N.A. Foods LLC
North America
This warranty does not apply to damage caused by misuse.
This Agreement shall not be assigned without consent.
This Agreement does not constitute a partnership between the parties.
This Agreement does not grant Licensee any right to sublicense.
This Agreement may not be terminated for convenience.
This license does not include the right to sublicense.
The Agreement cannot be assigned without prior written consent.
The license is not transferable.
The license is non-exclusive and non-transferable.
The warranty does not cover normal wear and tear.
The term is not renewable.
The cap is not applicable to breaches of confidentiality.
The Software is not provided in source code form.
The liability of the Supplier is not limited.
The parties do not intend to create a joint venture.
The Distributor shall not sell competing products in the Territory.
The Licensee may not, without consent, contain or include the Mark in its name.
The contract does not automatically renew.
There are no third party beneficiaries to this Agreement.
There is no limit on liability for breach of confidentiality.
There shall be no assignment without consent.
There is no cap on Supplier's liability.
If the date is not specified in the order form, thirty days shall apply.
If not provided within ten days, the notice is void.
Unless otherwise stated in this Agreement, all fees are non-refundable.
Capitalized terms that are not defined in this Agreement have the meanings given in the Plan.
Any amount not specified in Exhibit A shall be borne by Buyer.
Services not listed in Exhibit A are charged at the hourly rate.
Yes
Yes.
Yes, but not without the written consent of the Licensor.
Yes, the agreement may not be assigned without consent.
Delaware
State of New York
Thirty (30) days
March 12, 2021
Perpetual, until terminated
It may not be assigned without prior written consent.
It is non-exclusive.
It does not renew automatically.
I. Licensee shall not compete.
In no event shall either party be liable for consequential damages.
In the event of breach, the parties cannot terminate without notice.
In this Agreement, "Territory" means the United States.
Based on the contract, neither party may assign without consent.
According to the contract, the term is not less than five years.
Under no circumstances may the Distributor resell outside the Territory.
Without the consent of the Company, no Stockholder shall transfer any Shares.
Licensee is not permitted to reverse engineer the Software.
Licensee cannot assign the Agreement.
Company does not warrant that the Products are free of defects.
Supplier will provide no less favorable pricing than that given to any other customer.
The information is not to be disclosed to third parties.
The party that cannot be identified as Licensor bears the cost.
Consent is not required for an assignment to an Affiliate.
Consent shall not be unreasonably withheld.
Unknown defects are excluded from the warranty.
Unable Industries, Inc.
Missing deliveries must be reported within ten days.
Absent written consent, the Agreement may not be assigned.
Insufficient notice shall be deemed a breach.
[***]
[*]
____________
*** ***
The contract does not require consent for an assignment to an Affiliate.
We do not make any representation or warranty.
There is no clear space defined below the business unit identifier.
There are no past or present events that could give rise to a claim.
""".strip().splitlines()


@pytest.mark.parametrize("text", ABSTAINING)
def test_not_found_in_its_many_forms(text):
    assert abstains(text)


@pytest.mark.parametrize("text", SUBSTANTIVE)
def test_negation_alone_is_no_abstention(text):
    assert not abstains(text)


@pytest.mark.parametrize("text", ["", " \n\t", "-", "...", "[]", '""', "Not found\n\nSee above"])
def test_nothing_said_is_an_abstention(text):
    assert abstains(text)


def test_a_sentence_may_be_wrapped():
    assert abstains("The contract does not\nspecify a renewal term.")
    assert not abstains("Neither party may assign\nNot found liable")


def test_gold_answers_of_real_contracts_are_no_abstentions():
    if not CUAD.exists():
        pytest.skip("shared/cuad is not beside this checkout")
    contracts = json.loads(CUAD.read_text(encoding="utf-8"))["data"]
    golds = {
        answer["text"]
        for contract in contracts
        for paragraph in contract["paragraphs"]
        for qa in paragraph["qas"]
        for answer in qa["answers"]
    }
    wrong = [gold for gold in golds if abstains(gold)]
    assert len(golds) > 5_000
    assert len(wrong) <= len(golds) / 1_000, wrong


@given(st.text())
def test_the_two_metrics_are_one_question(text):
    case = Case("1", "1", Contract("c", "text"), "Parties", "Who?", ())
    answer = Answer(text)
    assert abstention(case, answer).value == float(abstains(text))
    assert laziness(case, answer).value == float(declines(text))
    assert abstention(case, answer).value <= laziness(case, answer).value


@given(st.sampled_from(ABSTAINING))
def test_case_space_and_bold_do_not_matter(text):
    assert abstains(f"  **{text.upper()}**\n")
