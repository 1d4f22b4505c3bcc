"""Open questions at the desk, in a real browser: spans chosen by keyboard and by mouse."""

import pytest

from fixtures.datasets import load_dataset
from tests.browser.conftest import typed_server
from tests.builders.own_contracts import LAW, RENT, TERM, TEXT, collection, span

WHERE = """words => {
    const walker = document.createTreeWalker(document.getElementById('contract'), 4);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const at = node.data.indexOf(words);
        if (at < 0) continue;
        const range = document.createRange();
        range.setStart(node, at); range.setEnd(node, at + words.length);
        const box = range.getBoundingClientRect();
        return [box.left, box.right, (box.top + box.bottom) / 2];
    }
}"""

CARET = """end => {
    const now = getSelection(), range = document.createRange();
    range.setStart(document.getElementById('contract'), 0);
    range.setEnd(now[end + 'Node'], now[end + 'Offset']);
    return [...range.toString()].length;
}"""


@pytest.fixture
def path(tmp_path):
    return collection(tmp_path / "own.json")


@pytest.fixture
def link(path):
    with typed_server("reports.review", "--gold", path, "--reviewer", "Ana") as found:
        yield found


def gold(path):
    return {case.id: case.spans for case in load_dataset(str(path)).cases}


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def go(page, key, end, offset):
    """Press a key until the caret stands at a character of the contract."""
    for _ in range(len(TEXT)):
        if page.evaluate(CARET, end) == offset:
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} never came to {offset}")


def selected(page, words):
    """Wait until the page shows what is selected; a browser says so a little later."""
    says = "words => document.querySelector('.now').textContent.trim() === words"
    page.wait_for_function(says, arg=words)


def start(found):
    return found.start


def drag(page, words):
    left, right, middle = page.evaluate(WHERE, words)
    page.mouse.move(left + 1, middle)
    page.mouse.down()
    page.mouse.move(right, middle, steps=5)
    page.mouse.up()


def sent(page, key):
    with page.expect_navigation():
        page.keyboard.press(key)


def test_drafts_are_confirmed_corrected_and_refused_by_keys_alone(path, link, open_page):
    page = open_page(link)
    assert page.locator("mark").inner_text() == "The rent is $900"
    sent(page, "Enter")  # the draft is right
    page.locator("#contract").focus()  # as Tab does
    press(page, "Control+Home")
    go(page, "ArrowRight", "focus", TEXT.index("two years"))
    go(page, "Shift+ArrowRight", "focus", TEXT.index(" years") + len(" years"))
    press(page, "Z", "Delete", "Control+x", "Control+v")  # nothing changes the contract
    assert page.locator("#contract").evaluate("each => each.textContent") == TEXT
    selected(page, "two years")
    sent(page, "Enter")
    sent(page, "a")
    assert gold(path) == {RENT: (span("The rent is $900"),), TERM: (span("two years"),), LAW: ()}


def test_a_span_is_selected_with_the_mouse_and_offsets_count_characters(path, link, open_page):
    """Behind a character that is two in JavaScript, and behind line ends of two characters."""
    page = open_page(link)
    drag(page, "Nevada")
    press(page, "s")
    assert page.locator(".chosen li").all_inner_texts() == ["Nevada"]
    press(page, "r")
    assert page.locator(".chosen li").count() == 0
    drag(page, "Nevada")
    sent(page, "Enter")  # not the draft, which stands there too
    assert gold(path) == {RENT: (span("Nevada"),)}


def test_with_the_mouse_alone_what_is_selected_is_what_is_saved(path, link, open_page):
    page = open_page(link)
    drag(page, "Nevada")
    page.get_by_role("button", name="Keep").click()
    drag(page, "two years")
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()
    assert gold(path) == {RENT: tuple(sorted((span("Nevada"), span("two years")), key=start))}


def test_by_keyboard_one_comes_to_where_the_draft_stands(link, open_page):
    page = open_page(link)
    page.locator("a[rel=next]").focus()
    press(page, "Tab", "Tab", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight")
    selected(page, "The")
    assert page.evaluate(CARET, "anchor") == TEXT.index("The rent is $900")


def test_without_javascript_the_words_are_written(path, link, open_page):
    page = open_page(link, javascript=False)
    page.get_by_text("Where it stands").click()
    assert page.url.endswith("#answer")
    page.locator("textarea[name=words]").fill("rent is $900")
    page.locator("button[value=save]").focus()
    sent(page, "Enter")
    assert gold(path) == {RENT: (span("rent is $900"),)}


def test_no_rule_of_wcag_is_broken(link, open_page, violations, photographed):
    for dark in (False, True):
        page = open_page(link, dark=dark)
        assert violations(page) == []
    photographed(page, "review-gold")
    page.goto(page.url.split("/items")[0] + "/overview")
    assert violations(page) == []
