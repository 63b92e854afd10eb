"""The scripts of a page in one file."""

import pytest

from seqbayes.dashboard.server import pages
from seqbayes.dashboard.server.bundle import bundle, modules


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "main.js"


def test_every_module_is_included_once_after_its_imports(tmp_path):
    main = write(
        tmp_path,
        main='import { b,\n  c as d } from "./b.js";\nimport * as a from "./a.js";\nb(d, a.A);\n',
        b='import { A } from "./a.js";\nexport function b() {}\nexport const c = A;\n',
        a="export class A {}\n",
    )
    text = bundle(main)
    assert [path.name for path in modules(main)] == ["a.js", "b.js", "main.js"]
    assert text.index("class A {}") < text.index("function b() {}") < text.index("b(d, a.A)")
    assert text.count("class A {}") == 1
    assert "const { b, c: d } = m1;" in text
    assert "const a = m0;" in text
    assert text.endswith("export { m0, m1, m2 };\n")


def test_a_lazy_script_imports_from_the_page_script(tmp_path):
    write(
        tmp_path, a="export class A {}\n", lazy='import { A } from "./a.js";\nexport const L = A;\n'
    )
    main = write(tmp_path, main='import { A } from "./a.js";\nnew A();\n')
    text = bundle(tmp_path / "lazy.js", main)
    assert text.startswith('import { m0, m1 } from "/static/app.js";\n')
    assert "class A" not in text
    assert text.endswith("export const { L } = m2;\n")


@pytest.mark.parametrize(
    "files",
    [
        {"main": 'import { a } from "./a.js";\n', "a": 'import { m } from "./main.js";\n'},
        {"main": 'import a from "./a.js";\n', "a": ""},
        {"main": "export default 1;\n"},
    ],
)
def test_modules_that_cannot_be_bundled_are_rejected(tmp_path, files):
    with pytest.raises(ValueError, match=r"cycle|cannot be bundled"):
        bundle(write(tmp_path, **files))


def test_the_page_loads_one_script_for_all_modules():
    folder = pages.root()
    found = {path for name in pages.BUNDLES.values() for path in modules(folder / name)}
    alone = {"theme.js", "login.js"}
    assert {path.name for path in (folder / "js").rglob("*.js")} - {p.name for p in found} == alone
    for page in ("index.html", "embed.html"):
        text = (folder / page).read_text()
        assert text.count("<script") == 2
        assert "/static/js/main.js" not in text
