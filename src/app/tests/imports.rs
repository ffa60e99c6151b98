//! Imports, and which files count.

use super::{PROFILE, found, said, said_of, shown};

#[test]
fn distributions_that_are_not_there() {
    insta::assert_snapshot!(said("import sklearn.linear_model
import yaml
from PIL import Image
import pandsa as pd
import requests
import google.cloud.bigquery
from google.cloud import bigquery, storage
from azure.storage.blob import BlobServiceClient
"), @r#"
    error[module-not-in-image] :1 sklearn.linear_model -- no module `sklearn.linear_model` is in the image => `[python] requirements = ["scikit-learn"]`
    error[module-not-in-image] :2 yaml -- no module `yaml` is in the image => `[python] requirements = ["PyYAML"]`
    error[module-not-in-image] :3 PIL -- no module `PIL` is in the image => `[python] requirements = ["Pillow"]`
    error[module-not-in-image] :4 pandsa -- no module `pandsa` is in the image => did you mean `pandas`?
    error[module-not-in-image] :5 requests -- no module `requests` is in the image => `[python] requirements = ["requests"]`, if that is the name of its distribution; a module of your own belongs below an `[[app.copy]]`
    error[module-not-in-image] :6 google.cloud.bigquery -- `google.cloud` is in the image and has no module `bigquery` => `[python] requirements = ["google-cloud-bigquery"]`
    error[module-not-in-image] :8 azure.storage.blob -- `azure` is in the image and has no module `storage.blob` => `[python] requirements = ["azure-storage-blob"]`
    "#);
    insta::assert_snapshot!(said("import pyspark.sql.function
from pyspark.sql.funtions import col
from pyspark.sql import functions as F
import numpy.linlag
import six.moves
"), @"
    error[module-not-in-image] :1 pyspark.sql.function -- `pyspark.sql` is in the image and has no module `function` => did you mean `pyspark.sql.functions`?
    error[module-not-in-image] :2 pyspark.sql.funtions -- `pyspark.sql` is in the image and has no module `funtions` => did you mean `pyspark.sql.functions`?
    warning[module-not-in-image] :4 numpy.linlag -- `numpy` is in the image and has no module `linlag` => did you mean `numpy.linalg`?
    ");
}

#[test]
fn pythons_own_modules() {
    insta::assert_snapshot!(said("import os.path, sys, json, concurrent.futures, xml.etree.ElementTree, _thread, time, zlib
import tkinter
import distutils.core
import xml.etree.cElementTree
"), @r#"
    error[module-not-in-image] :2 tkinter -- Debian keeps `tkinter` in a package of its own, python3-tk => `[debian] packages = ["python3-tk"]`
    error[module-not-in-image] :3 distutils.core -- Debian keeps `distutils.core` in a package of its own, python3-distutils => `[debian] packages = ["python3-distutils"]`
    error[module-not-in-image] :4 xml.etree.cElementTree -- `xml.etree` is in the image and has no module `cElementTree` => did you mean `xml.etree.ElementTree`?
    "#);
    insta::assert_snapshot!(shown(&found(PROFILE, "3.13", &[("app/main.py", "import distutils.core\nimport imp, cgi\nimport tomllib\n")])), @"
    error[module-not-in-image] :1 distutils.core -- Python 3.12 removed `distutils.core`, and the image has Python 3.13 => instead: setuptools, which brings its own
    error[module-not-in-image] :2 imp -- Python 3.12 removed `imp`, and the image has Python 3.13 => instead: importlib
    error[module-not-in-image] :2 cgi -- Python 3.13 removed `cgi`, and the image has Python 3.13 => instead: urllib.parse and email.message, or the distribution legacy-cgi
    ");
    insta::assert_snapshot!(shown(&found(PROFILE, "3.10", &[("app/main.py", "import tomllib\n")])), @r#"error[module-not-in-image] :1 tomllib -- `tomllib` comes with Python 3.11, and the image has Python 3.10 => `[stack] python = "3.11"`, or import it where it is there"#);
}

#[test]
fn code_that_is_ready_for_their_absence() {
    insta::assert_snapshot!(said("from typing import TYPE_CHECKING
import contextlib, importlib.util, sys
try:
    import ujson as json
except ImportError:
    import json
try:
    import cupy
except (ImportError, OSError):
    cupy = None
if TYPE_CHECKING:
    from boto3 import Session
with contextlib.suppress(ImportError):
    import dotenv
if importlib.util.find_spec('torch') is not None:
    import torch
if sys.platform == 'win32':
    import winreg
if sys.version_info < (3, 11):
    import tomli
"), @"");
    insta::assert_snapshot!(said("import sys
def plot(frame):
    import matplotlib.pyplot as plt
if len(sys.argv) > 1:
    import debugpy
try:
    import uvloop
except OSError:
    pass
"), @r#"
    warning[module-not-in-image] :3 matplotlib.pyplot -- no module `matplotlib.pyplot` is in the image => `[python] requirements = ["matplotlib"]`, if that is the name of its distribution; a module of your own belongs below an `[[app.copy]]`
    warning[module-not-in-image] :5 debugpy -- no module `debugpy` is in the image => `[python] requirements = ["debugpy"]`, if that is the name of its distribution; a module of your own belongs below an `[[app.copy]]`
    error[module-not-in-image] :7 uvloop -- no module `uvloop` is in the image => `[python] requirements = ["uvloop"]`, if that is the name of its distribution; a module of your own belongs below an `[[app.copy]]`
    "#);
}

#[test]
fn modules_of_the_app() {
    insta::assert_snapshot!(said_of(&[
        ("app/main.py", "import helpers\nfrom jobs import daily, weekly\nfrom jobs.monthly import run\nimport lib.text\nfrom lib import number\n"),
        ("app/helpers.py", "from jobs.daily import x\n"),
        ("app/jobs/__init__.py", ""),
        ("app/jobs/daily.py", "from . import weekly\nfrom .missing import y\nfrom ..helpers import z\nfrom .weekly import w\n"),
        ("app/jobs/weekly.py", ""),
        ("app/lib/text.py", ""),
        ("app/data.csv", ""),
    ]), @"
    error[module-not-in-image] app/jobs/daily.py:2 missing -- there is no `/app/jobs/missing` => a relative import counts from the file's own package
    error[module-not-in-image] :3 jobs.monthly -- `jobs` is in the image and has no module `monthly`
    error[module-not-in-image] :5 lib -- `lib` is in the image and has no module `number`
    ");
    // Beside the script, and not where Python looks.
    insta::assert_snapshot!(said_of(&[("app/main.py", "import shared\n"), ("app/src/shared.py", "")]), @r#"error[module-not-in-image] :1 shared -- `shared` lies in /app/src, where Python does not look for it => `[app] env = { PYTHONPATH = "/app/src" }`"#);
    let profile = format!("{PROFILE}env = {{ PYTHONPATH = \"/app/src\" }}\n");
    insta::assert_snapshot!(shown(&found(&profile, "3.11", &[("app/main.py", "import shared\n"), ("app/src/shared.py", "")])), @"");
    insta::assert_snapshot!(said_of(&[("app/main.py", "import sys\nsys.path.append('/app/src')\nimport shared\n"), ("app/src/shared.py", "")]), @"");
}

#[test]
fn files_that_the_command_does_not_reach() {
    insta::assert_snapshot!(said_of(&[
        ("app/main.py", "import used\n"),
        ("app/used.py", "import requests\n"),
        ("app/spare.py", "import httpx\n"),
        ("app/broken.py", "print 'x'\n"),
        ("app/tests/test_main.py", "import pytest\n"),
        ("app/conftest.py", "import pytest\n"),
        ("app/deps/vendored/__init__.py", "import brotli\nimport socks\nprint 'x'\n"),
        ("app/deps/vendored-1.0.dist-info/METADATA", ""),
    ]), @r#"
    warning[python-syntax] app/broken.py:1 'x' -- Python 3.11 does not take `app/broken.py`: Simple statements must be separated by newlines or semicolons
    error[module-not-in-image] app/used.py:1 requests -- no module `requests` is in the image => `[python] requirements = ["requests"]`, if that is the name of its distribution; a module of your own belongs below an `[[app.copy]]`
    "#);
    // Without a command that names one, all but tests count.
    let profile = PROFILE.split("[app]").next().unwrap();
    insta::assert_snapshot!(shown(&found(profile, "3.11", &[
        ("app/one.py", "import requests\n"),
        ("app/test_one.py", "import pytest\n"),
    ])), @r#"warning[module-not-in-image] app/one.py:1 requests -- no module `requests` is in the image => `[python] requirements = ["requests"]`, if that is the name of its distribution; a module of your own belongs below an `[[app.copy]]`"#);
}

#[test]
fn syntax_of_the_targets_python() {
    insta::assert_snapshot!(said("import os\nprint 'x'\n"), @"error[python-syntax] :2 'x' -- Python 3.11 does not take `app/main.py`: Simple statements must be separated by newlines or semicolons");
    insta::assert_snapshot!(said("def f(x):\nreturn x\n"), @"error[python-syntax] :2 return -- Python 3.11 does not take `app/main.py`: Expected an indented block after function definition");
    insta::assert_snapshot!(said("type Row = dict[str, int]\n"), @"error[python-syntax] :1 type -- Python 3.11 does not take `app/main.py`: Cannot use `type` alias statement => Python 3.12 takes it, and newer ones: another `[stack] python`, or write it for 3.11");
    insta::assert_snapshot!(said("match 1:\n    case 1:\n        pass\n"), @"");
    insta::assert_snapshot!(shown(&found(PROFILE, "3.9", &[("app/main.py", "match 1:\n    case 1:\n        pass\n")])), @"error[python-syntax] :1 match -- Python 3.9 does not take `app/main.py`: Cannot use `match` statement => Python 3.10 takes it, and newer ones: another `[stack] python`, or write it for 3.9");
}
