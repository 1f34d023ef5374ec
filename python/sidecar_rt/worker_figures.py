"""Keeps the figures of a program as files: a matplotlib backend that saves on `show()`."""
import os
import re
import sys
from importlib.machinery import ModuleSpec

BACKEND = "sidecar_figures"
MAX_FIGURES = 20
MAX_BYTES = 5 * 1024 * 1024
MISSING_GLYPH = r"Glyph (\d+) .*missing from"


class Figures:
    """Where figures go, and how many there were. Before the job there is no folder, and nothing is saved."""

    folder = None
    saved = 0
    left_out = 0

    def __init__(self):
        self.missing_glyphs = set()

    def keep(self, figure):
        """Writes one figure as a PNG file, or counts it as left out."""
        if self.folder is None:
            return
        if self.saved >= MAX_FIGURES:
            self.left_out += 1
            return
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, f"{self.saved + 1}.png")
        self._save(figure, path)
        if os.path.getsize(path) > MAX_BYTES:
            os.unlink(path)
            self.left_out += 1
            return
        self.saved += 1

    def _save(self, figure, path):
        """Saves a figure. Instead of one warning per character that the font lacks, with a path of ours, these are counted."""
        import warnings
        caught = []
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.filterwarnings("always", message=MISSING_GLYPH, category=UserWarning)
                figure.savefig(path, format="png")
        finally:
            for each in caught:
                glyph = re.match(MISSING_GLYPH, str(each.message))
                if glyph is None:
                    warnings.showwarning(each.message, each.category, each.filename, each.lineno)
                else:
                    self.missing_glyphs.add(glyph[1])


FIGURES = Figures()


def install():
    """From now on matplotlib uses our backend when it is imported. The environment keeps a backend that child processes know too."""
    sys.meta_path.insert(0, _Finder())


def has_open_figures():
    """True when the program drew something that it never showed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    try:
        return pyplot is not None and len(pyplot.get_fignums()) > 0
    except Exception:
        return False  # the program may have put anything in its place


class _Finder:
    """Gives out the backend module, and sets it when matplotlib itself is imported."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname == BACKEND:
            return ModuleSpec(BACKEND, _BackendLoader())
        if fullname != "matplotlib":
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _SettingLoader(spec.loader)
                return spec
        return None


class _SettingLoader:
    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def create_module(self, spec):
        return self._inner.create_module(spec)

    def exec_module(self, module):
        self._inner.exec_module(module)
        if hasattr(module, "rcParams"):
            module.rcParams["backend"] = f"module://{BACKEND}"


class _BackendLoader:
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from matplotlib.backend_bases import FigureManagerBase
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        class FigureManager(FigureManagerBase):
            def show(self):
                FIGURES.keep(self.canvas.figure)

            @classmethod
            def pyplot_show(cls, *, block=None):
                show()

        class FigureCanvas(FigureCanvasAgg):
            manager_class = FigureManager

        def show(*_arguments, **_options):
            from matplotlib._pylab_helpers import Gcf
            for manager in Gcf.get_all_fig_managers():
                FIGURES.keep(manager.canvas.figure)
            Gcf.destroy_all()

        module.FigureManager = FigureManager
        module.FigureCanvas = FigureCanvas
        module.show = show
