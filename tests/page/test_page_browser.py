"""The page in a real browser: what is clicked, plays; what is played, stays in step."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)")

TIMES = "[...document.querySelectorAll('#players video')].map((video) => video.currentTime)"


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def refused(url: str) -> bool:
    """Whether it is the picture of the video that lies outside the folder."""
    return "/api/picture?video=3&" in url


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def tab(chromium, site, request):
    """A tab on the library, 1280 or 390 pixels wide; whatever goes wrong in it is a failure."""
    page = chromium.new_page(viewport={"width": request.param, "height": 844})
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda line: wrong.append(line.text) if line.type == "error" and "400" not in line.text else None
    )
    page.on(
        "response", lambda found: wrong.append(found.url) if found.status >= 400 and not refused(found.url) else None
    )
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((site.address, "data:", f"blob:{site.address}")) else wrong.append(asked.url)
        ),
    )
    page.goto(site.address)
    page.wait_for_selector("#grid .card")
    yield page
    assert not wrong
    page.close()


def until(page, condition: str) -> None:
    """Waits for an expression to become true (by asking again: the page's policy forbids evaluation inside it)."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {condition}")


def fits(page) -> bool:
    """Nothing is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def card(page, name: str):
    return page.locator("#grid .card").filter(has=page.get_by_text(name, exact=True))


def test_the_same_moment_is_found_and_plays(tab, tmp_path):
    assert fits(tab)
    card(tab, "a.mp4").locator(".shot").click()
    until(tab, "document.querySelector('#scrub video')?.readyState >= 2")
    assert tab.locator("#scrub .timeline i").all_text_contents() == ["go", "rest"]
    slider = tab.locator("#scrub input[type=range]")
    slider.evaluate("(one) => { one.value = 1.5; one.dispatchEvent(new Event('input')); }")
    until(tab, "document.querySelector('#scrub .badge').textContent === 'rest'")
    assert tab.locator("#scrub .clock").text_content() == "0:01.500 of 0:02.000"
    tab.get_by_role("button", name="frame ▶").click()
    until(tab, "document.querySelector('#scrub video').currentTime > 1.52")
    tab.click("#find")
    first = tab.locator("#gallery .card").first
    first.locator(".shot").click()
    until(tab, "document.querySelector('#gallery video')?.currentTime > 0")
    begun = tab.evaluate("document.querySelector('#gallery video').currentTime")
    until(tab, f"document.querySelector('#gallery video').currentTime > {begun} + 0.2")
    tab.screenshot(path=tmp_path / "moment.png", full_page=True)
    assert fits(tab)


def test_videos_play_in_step_and_the_matrix_leads_them(tab, site, tmp_path):
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        card(tab, name).locator(".tick").click()
    tab.locator("#chosen").get_by_role("button", name="Align").click()
    tab.wait_for_selector("#matrix polyline", state="attached")
    until(tab, "[...document.querySelectorAll('#players video')].every((video) => video.readyState >= 2)")
    tab.wait_for_selector("#words", state="hidden")
    assert "probability" in tab.locator("#verdict").text_content()
    tab.click("#play")
    until(tab, f"{TIMES}[0] > 0.6")
    tab.click("#play")
    box = tab.locator("#matrix .frame").bounding_box()
    at = {"x": box["width"] * 0.5, "y": box["height"] * 0.25}
    tab.locator("#matrix .frame").click(position=at)
    status, found = site.ask("align", reference=0, query=1)
    wanted = 0.75 * float(site.frames["a.mp4"].time_s[-1])
    until(tab, f"Math.abs({TIMES}[0] - {wanted}) < 0.03")
    follows = float(np.interp(wanted, found["ref_time_s"], found["query_time_s"]))
    until(tab, f"Math.abs({TIMES}[1] - {follows}) < 0.06")

    tab.locator("#mode").select_option("pin")
    tab.locator("#matrix .frame").click(position=at)
    tab.wait_for_selector("#matrix ellipse", state="attached")
    assert tab.locator("#pins button").count() == 1
    half = 0.5 * float(site.frames["b.mp4"].time_s[-1])
    until(tab, f"Math.abs({TIMES}[1] - {half}) < 0.1")
    for kind, name, begins in (("table", "align.parquet", b"PAR1"), ("picture", "matrix.png", b"\x89PNG")):
        with tab.expect_download() as saving:
            tab.click(f"[data-save={kind}]")
        assert saving.value.suggested_filename == name
        assert saving.value.path().read_bytes().startswith(begins)
    tab.screenshot(path=tmp_path / "together.png", full_page=True)
    assert fits(tab)
    tab.locator("#pins button").click()
    tab.wait_for_selector("#matrix ellipse", state="detached")


def test_uploads_are_taken_or_refused_in_words(tab, site, tmp_path):
    before = len(site.ask("library")[1]["videos"])
    tab.set_input_files("#upload input", site.folder / "videos" / "c.mp4")
    tab.get_by_text("is in the library").wait_for()
    assert len(site.ask("library")[1]["videos"]) == before + 1
    assert tab.locator("#grid .card").count() == before + 1
    (tmp_path / "large.mp4").write_bytes(b"x" * 300_000)
    tab.set_input_files("#upload input", tmp_path / "large.mp4")
    tab.get_by_text("larger than the 0.2 MB").wait_for()


def test_what_the_browser_cannot_play_comes_as_a_copy(chromium, site):
    """Where the browser says that it cannot decode a file, it is given one that it can."""
    page = chromium.new_page()
    page.goto(site.address)
    page.set_content("")
    page.evaluate(
        """async () => {
            const { film } = await import("/common.js");
            const video = film({ number: 0, id: "a.mp4" });
            video.dispatchEvent(new Event("error"));
            document.body.append(video);
        }"""
    )
    until(page, "document.querySelector('video')?.src.endsWith('copy=1')")  # once the server has made it
    until(page, "document.querySelector('video').readyState >= 2")
    page.close()


def test_a_time_says_whose_clock_it_is_on(tab):
    """Where the first frame is at 0 both clocks are one, and nothing is added."""
    found = tab.evaluate(
        """async () => {
          const { clockWords, timecode } = await import(new URL("common.js", location));
          const late = { start_s: 36000, end_s: 36002 }, early = { start_s: -1.0177, end_s: 1 };
          const words = [clockWords({ start_s: 0, end_s: 2 }, 1), clockWords(late, 36001.5), clockWords(early, 0)];
          return [...words, timecode(-1.0177), timecode(-0.0001)];
        }"""
    )
    assert found == [
        "",
        " on the file's clock (a player shows 0:01.500 of 0:02.000)",
        " on the file's clock (a player shows 0:01.018 of 0:02.018)",
        "-0:01.018",
        "0:00.000",
    ]
