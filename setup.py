"""Compile the modules that run once per event; everything else is in pyproject.toml.

SEQBAYES_PURE=1 skips compilation, and SEQBAYES_PURE=0 turns a failed compilation into an error.
Without the variable, such a failure only costs speed: the modules are plain Python and run as they
are.
"""

import os
import sys
from multiprocessing import get_start_method
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

if sys.version_info < (3, 11):  # noqa: UP036 - pip names a dependency instead, for a checkout
    sys.exit(
        "seqbayes requires Python 3.11 or later; this is Python {}.{}".format(*sys.version_info)
    )

COMPILED = [
    "seqbayes.compare.interpolation",
    "seqbayes.dashboard.live.collation",
    "seqbayes.mixture.em.clusters",
    "seqbayes.mixture.components.background",
    "seqbayes.mixture.components.discrete",
    "seqbayes.mixture.components.factor",
    "seqbayes.mixture.components.gaussian",
    "seqbayes.mixture.components.kernel",
    "seqbayes.mixture.components.normal",
    "seqbayes.mixture.components.readers",
    "seqbayes.mixture.components.rows",
    "seqbayes.mixture.components.gaussian_variants",
    "seqbayes.mixture.em.engine",
    "seqbayes.mixture.em.steps",
    "seqbayes.numerics.square_root",
    "seqbayes.numerics.tail_integral",
    "seqbayes.river.class_mixture",
    "seqbayes.river.features",
    "seqbayes.river.generative",
    "seqbayes.river.mixture_discriminant",
    "seqbayes.river.tempering",
    "seqbayes.statistics.base",
    "seqbayes.statistics.column_loops",
    "seqbayes.statistics.columns",
    "seqbayes.statistics.fields",
    "seqbayes.statistics.journal",
    "seqbayes.statistics.labels",
    "seqbayes.statistics.moment_loops",
    "seqbayes.statistics.moments",
    "seqbayes.statistics.multinomial",
    "seqbayes.statistics.pairs",
    "seqbayes.statistics.python_statistics",
    "seqbayes.statistics.rates",
    "seqbayes.statistics.reading",
    "seqbayes.statistics.factorials",
    "seqbayes.statistics.scan",
    "seqbayes.statistics.scatter",
    "seqbayes.statistics.sum_columns",
    "seqbayes.statistics.sum_table",
    "seqbayes.statistics.sums",
    "seqbayes.statistics.trials",
    "seqbayes.table.integer_rows",
    "seqbayes.table.text_rows",
    "seqbayes.events.cells",
    "seqbayes.events.decimals",
    "seqbayes.events.field_arrays",
    "seqbayes.events.loops",
    "seqbayes.stream.column_json",
    "seqbayes.stream.key_rows",
    "seqbayes.stream.state_form",
    "seqbayes.stream.stores.rows",
]

PURE = os.environ.get("SEQBAYES_PURE", "")

# The statistics rely on error-free sums and products: no contraction, no fast-math.
FLAGS = {"msvc": ["/O2", "/fp:precise"]}
UNIX_FLAGS = ["-O3", "-ffp-contract=off", "-g0"]
# Code that runs once per event has only short steps on values that were just written; vectorised
# steps would wait for these values.
SCALAR_FLAGS = ["-fno-tree-vectorize"]
VECTORISED = {
    "seqbayes.mixture.components.normal",
    "seqbayes.statistics.scan",
    "seqbayes.statistics.sum_table",
}


class BuildExtension(build_ext):
    """Sets compiler-specific flags, and removes outdated binaries if a compilation fails."""

    def build_extensions(self):
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()
        built = [Path(self.get_ext_fullpath(ext.name)) for ext in self.extensions]
        # all modules are compiled or none, because they use each other
        if not all(path.exists() for path in built):
            for path in built:
                path.unlink(missing_ok=True)

    def build_extension(self, ext):
        ext.optional = PURE != "0"  # set here, because cythonize drops it
        scalar = [] if ext.name in VECTORISED else SCALAR_FLAGS
        ext.extra_compile_args = FLAGS.get(self.compiler.compiler_type, UNIX_FLAGS + scalar)
        try:
            super().build_extension(ext)
        except Exception as error:
            Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
            # without a compiler, the build fails even if the module is optional
            if isinstance(error, OSError):
                raise CompileError(str(error)) from error
            raise


def extensions():
    if PURE == "1":
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        if PURE == "0":
            raise
        return []
    sources = {name: f"src/{name.replace('.', '/')}.py" for name in COMPILED}
    return cythonize(
        [Extension(name, [path]) for name, path in sources.items()],
        build_dir="build/cython",
        nthreads=os.cpu_count() if get_start_method() == "fork" else 0,
        cache=os.environ.get("CYTHON_CACHE_DIR", False),
        compiler_directives={"language_level": 3, "binding": True},
    )


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExtension})
