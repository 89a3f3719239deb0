"""What pages carry of the figures, equations, terms and references that they link to."""

from __future__ import annotations

import re

import pytest

from visprof.book.previews import add_previews, preview_templates

FIGURE = """\
<figure class="align-default" id="fig-curve">
<picture><source media="(max-width: 576px)" srcset="../figures/a/curve.narrow.svg">\
<img alt="A curve." class="drawn narrowed" src="../_images/12ab.svg" /></picture>
<figcaption>
<p><span class="caption-number">Fig. 3 </span><span class="caption-text"><strong>Figure 5</strong>:
<span class="math notranslate nohighlight">\\(x\\)</span>, see <a class="reference internal"
 href="b.html"><span class="doc">chapter 2</span></a>.</span>\
<a class="headerlink" href="#fig-curve" title="Link to this image">#</a></p>
</figcaption>
</figure>"""
EQUATION = """\
<div class="amsmath math notranslate nohighlight" id="eq-6">
<span id="eq-5"></span><span id="eq-4"></span>\\[\\begin{align*} a \\tag{4} \\end{align*}\\]\
</div>"""
TERMS = """\
<dl class="simple glossary">
<dt id="term-BH">BH<a class="headerlink" href="#term-BH">#</a></dt>\
<dt id="term-Benjamini">Benjamini<a class="headerlink" href="#term-Benjamini">#</a></dt>\
<dd><p>A rule about the <a class="reference internal" href="#term-FDR"><span>FDR</span></a>.</p>
</dd>
<dt id="term-FDR">FDR</dt><dd><p>A share.</p></dd></dl>"""
CITATION = """\
<div class="citation" id="id7" role="doc-biblioentry">
<span class="label"><span class="fn-bracket">[</span>1<span class="fn-bracket">]</span></span>
<p>A. Author. <em>Title</em>. <a class="reference external" href="https://doi.org/1">doi:1</a>.</p>
</div>"""


def link(href):
    return f'<a class="reference internal" href="{href}"><span class="std std-ref">x</span></a>'


def page(*parts):
    return f"<html><body><article>{''.join(parts)}</article></body></html>"


@pytest.fixture
def pages():
    return {
        "book/a.html": page(FIGURE, EQUATION, '<script src="x/tex-chtml.js"></script>'),
        "book/words.html": page(TERMS, CITATION),
        "book/b.html": page(*map(link, [
            "a.html#fig-curve", "a.html#eq-5", "words.html#term-Benjamini", "words.html#id7",
            "a.html#fig-curve", "a.html#nowhere", "gone.html#fig-curve",
        ])),
        "top.html": page(link("book/a.html#fig-curve")),
        "book/none.html": page(link("a.html"), '<a href="a.html#fig-curve">plain</a>'),
    }  # fmt: skip


def shown(template) -> dict[str, str]:
    return dict(re.findall(r'<div data-of="([^"]*)">(.*?)</div>(?=<div data-of|</template>)',
                           template, re.DOTALL))  # fmt: skip


def test_each_target_stands_once_in_the_pages_that_link_to_it(pages):
    templates = preview_templates(pages)
    assert templates.keys() == {"book/b.html", "book/words.html", "top.html"}
    assert list(shown(templates["book/b.html"])) == [
        "a.html#fig-curve", "a.html#eq-5", "words.html#term-Benjamini", "words.html#id7",
    ]  # fmt: skip
    assert list(shown(templates["book/words.html"])) == ["#term-FDR"]


def test_a_figure_is_its_picture_for_narrow_screens_and_its_caption(pages):
    figure = shown(preview_templates(pages)["book/b.html"])["a.html#fig-curve"]
    assert 'src="../figures/a/curve.narrow.svg"' in figure
    assert 'alt="A curve."' in figure
    assert 'class="drawn narrowed"' in figure
    assert "<strong>Figure 5</strong>" in figure
    assert "chapter 2" in figure
    assert "Fig. 3" not in figure
    assert figure.startswith("<figure><img")
    wide = FIGURE.replace("<source", "<other")
    pages["book/a.html"] = page(wide)
    assert 'src="../_images/12ab.svg"' in preview_templates(pages)["book/b.html"]


def test_pictures_have_the_addresses_that_the_page_needs(pages):
    assert 'src="figures/a/curve.narrow.svg"' in preview_templates(pages)["top.html"]


def test_an_equation_is_found_by_any_of_its_names(pages):
    equation = shown(preview_templates(pages)["book/b.html"])["a.html#eq-5"]
    assert equation == (
        '<span class="visually-hidden">Equation:</span>'
        '<div class="amsmath math notranslate nohighlight">\n'
        "\\[\\begin{align*} a \\tag{4} \\end{align*}\\]</div>"
    )


def test_a_term_has_all_its_names_and_its_meaning(pages):
    term = shown(preview_templates(pages)["book/b.html"])["words.html#term-Benjamini"]
    text = " ".join(re.sub("<[^>]*>", "", term).split())
    assert text.startswith("BH, Benjamini")
    assert text.endswith("A rule about the FDR.")


def test_a_reference_has_no_number(pages):
    reference = shown(preview_templates(pages)["book/b.html"])["words.html#id7"]
    assert reference == "<p>A. Author. <em>Title</em>. doi:1.</p>"


def test_nothing_that_is_shown_can_be_reached_or_named_twice(pages):
    for template in preview_templates(pages).values():
        inside = template.partition(">")[2]
        assert not re.search(r"<a\b| id=|<script", inside)


def test_mathjax_is_named_where_only_what_is_shown_has_mathematics(pages):
    assert (
        'data-mathjax="../_static/mathjax/startup.js"' in (preview_templates(pages)["book/b.html"])
    )
    assert 'data-mathjax="_static/mathjax/startup.js"' in preview_templates(pages)["top.html"]
    assert "data-mathjax" not in preview_templates(pages)["book/words.html"]
    pages["book/b.html"] += '<script src="../_static/mathjax/startup.js"></script>'
    assert "data-mathjax" not in preview_templates(pages)["book/b.html"]


def test_a_figure_of_scripts_is_not_carried_along(pages):
    tried = '<figure class="align-default" id="fig-x"><script>1</script></figure>'
    pages["book/a.html"] = page(tried)
    pages["book/b.html"] = page(link("a.html#fig-x"))
    assert "book/b.html" not in preview_templates(pages)


def test_pages_are_written_with_what_their_links_show_and_others_left(pages, tmp_path):
    for name, text in pages.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "x.html").write_text(page(link("../book/a.html#fig-curve")))
    add_previews(tmp_path)
    written = (tmp_path / "book" / "b.html").read_text()
    assert written.endswith("</template>\n</body></html>")
    assert written.startswith(pages["book/b.html"].removesuffix("</body></html>"))
    assert (tmp_path / "book" / "none.html").read_text() == pages["book/none.html"]
    assert "template" not in (tmp_path / "_static" / "x.html").read_text()
