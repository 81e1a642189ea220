"""The form's layout: widths, target sizes, contrast, visible focus and motion."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Page, expect

from care_web.languages import LANGUAGES
from tests.e2e.form_page.visits import (
    DESKTOP,
    LONG_WORD,
    PHONE,
    REFERENCE_QUERY,
    SEND,
    SMALLEST,
    Pages,
    open_window,
    press_until,
)

pytestmark = pytest.mark.browser


SMALLEST_TARGET = 44
"""The smallest width and height in CSS pixels. WCAG 2.2 requires 44 for level AAA (2.5.5), and 24 for AA (2.5.8)."""


@pytest.mark.parametrize("size", [SMALLEST, PHONE, DESKTOP], ids=["320", "390", "1280"])
async def test_nothing_is_wider_than_the_screen_and_every_target_is_large_enough(
    browser: Browser, pages: Pages, size: dict[str, int]
) -> None:
    async with open_window(browser, pages, size) as visit:
        page = visit.page
        for tag in LANGUAGES:
            for path in (
                "/f/open",
                "/f/long",
                "/f/answered",
                "/f/expired",
                f"/f/answered/thanks?{REFERENCE_QUERY}",
                "/",
            ):
                await page.goto(f"{path}{'&' if '?' in path else '?'}lang={tag}")
                await assert_fits(page, size["width"])
        await page.goto("/f/long")
        await page.get_by_label("Anything you’d like to say").fill(LONG_WORD)
        await page.locator(SEND).click()
        await expect(page.locator("[aria-invalid=true]")).to_have_count(2)
        await assert_fits(page, size["width"])


async def assert_fits(page: Page, width: int) -> None:
    """Checks that nothing scrolls sideways, and that links, fields and buttons are large enough for a thumb."""
    # Playwright can evaluate scripts even if the page may not run any.
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    targets = page.locator(
        "a, button:not([aria-hidden]), summary, input:not([type=hidden], [type=checkbox]), .checkbox"
    )
    # Elements without a box are inside a closed details element.
    small = await targets.evaluate_all(
        """(all, least) => all.filter(one => one.getClientRects().length)
            .filter(one => Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height) < least)
            .map(one => one.outerHTML)""",
        SMALLEST_TARGET,
    )
    assert small == []


TEXTS = "h1, h2, p, label, legend, a, button, summary, time, blockquote, figcaption"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_all_text_has_the_contrast_that_wcag_requires(browser: Browser, pages: Pages, dark: bool) -> None:
    async with open_window(browser, pages, dark=dark) as visit:
        page = visit.page
        for path in ("/f/open", "/f/answered", "/f/expired", "/f/answered/thanks"):
            await page.goto(path)
            await assert_contrast(page)
        await page.goto("/f/open")
        await page.locator(SEND).click()
        await expect(page.locator("[aria-invalid=true]")).to_have_count(2)
        await assert_contrast(page)


async def assert_contrast(page: Page) -> None:
    """Checks contrasts (WCAG 2.2): 4.5 to 1 for text of every size (1.4.3), 3 to 1 for the edges of fields (1.4.11)."""
    for front, background, html in await page.locator(TEXTS).evaluate_all(_COLORS, "color"):
        assert contrast(front, background) >= 4.5, html
    controls = page.locator("input:not([type=hidden], [type=checkbox]), textarea")
    for edge, background, html in await controls.evaluate_all(_COLORS, "border-top-color"):
        assert contrast(edge, background) >= 3, html


_COLORS = """(nodes, property) => nodes.map(node => {
    let around = node;
    while (getComputedStyle(around).backgroundColor === "rgba(0, 0, 0, 0)") around = around.parentElement;
    const [front, back] = [getComputedStyle(node).getPropertyValue(property), getComputedStyle(around).backgroundColor];
    return [front, back, node.outerHTML];
})"""
"""Returns for each node a color, the opaque color behind it, and its HTML."""


def contrast(one: str, other: str) -> float:
    """Returns the contrast ratio of two colors such as ``rgb(1, 2, 3)`` (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """Returns the relative luminance of an opaque color (WCAG 2.2)."""
    assert color.startswith("rgb("), color

    def linear() -> Iterator[float]:
        for channel in re.findall(r"[\d.]+", color):
            value = float(channel) / 255
            yield value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = linear()
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_contrast_of_black_and_white_is_21_to_1() -> None:
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)


async def test_the_focus_is_visible_on_every_control(browser: Browser, pages: Pages) -> None:
    async with open_window(browser, pages) as visit:
        page = visit.page
        await page.goto("/f/open")
        for name in ("email", "phone", "display_name", "message", "consent", SEND):
            await press_until(page, "Tab", name)
            style, width = await page.locator("*:focus").evaluate(
                "node => [getComputedStyle(node).outlineStyle, getComputedStyle(node).outlineWidth]"
            )
            assert (style, width) == ("solid", "3px"), name


async def test_nothing_moves_if_the_reader_prefers_reduced_motion(browser: Browser, pages: Pages) -> None:
    context = await browser.new_context(reduced_motion="reduce", base_url=pages.url)
    try:
        page = await context.new_page()
        await page.goto("/f/open")
        durations = await page.locator("*").evaluate_all(
            "nodes => nodes.map(node => getComputedStyle(node).transitionDuration)"
        )
        assert set(durations) == {"0s"}
        assert await page.locator("html").evaluate("node => getComputedStyle(node).scrollBehavior") == "auto"
    finally:
        await context.close()
