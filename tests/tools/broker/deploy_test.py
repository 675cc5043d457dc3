#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The examples of containers: deploy_test.py DOCKERFILE MANIFEST UNIT BROKER TESTPMD. Nothing is fetched, no container is started.

The images' file systems are made of the packages of this machine that the Dockerfile names, and the programs run there. The manifest is held
against what its kinds may have, field by field (Kubernetes API reference), and its parts against each other.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

DOCKERFILE, MANIFEST, UNIT, BROKER, TESTPMD = (pathlib.Path(word).resolve() for word in sys.argv[1:6])
TREE = DOCKERFILE.parents[3]
PROGRAMS = {"/usr/bin/pollux-broker": BROKER, "/usr/bin/testpmd": TESTPMD}


# --- the Dockerfile ---

class Stage:
    def __init__(self, base):
        self.base = base
        self.packages = []
        self.made = []    # by install, in a RUN
        self.copies = []  # (from, source, target)
        self.entrypoint = None


def stages():
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    found = {}
    stage = None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if not line or word.startswith("#"):
            continue
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            stage = found[name] = Stage(base)
        elif word == "RUN":
            for names in re.findall(r"apt-get install -y --no-install-recommends ([a-z0-9.+ -]+?) *(?:&&|$)", rest):
                stage.packages += names.split()
            stage.made += re.findall(r"install -D (\S+) (\S+)", rest)
        elif word == "COPY":
            made_by, source, target = re.fullmatch(r"(?:--from=(\S+) )?(\S+) (\S+)", rest).groups()
            stage.copies.append((made_by, source, target))
        elif word == "ENTRYPOINT":
            stage.entrypoint = yaml.safe_load(rest)
        elif word not in ("WORKDIR", "USER"):
            raise AssertionError(f"unknown instruction: {line}")
    return found


def chain(found, name):
    """The stage and those that it is made of, the first last."""
    while name in found:
        yield found[name]
        name = found[name].base


def query(form, package):
    done = subprocess.run(["dpkg-query", "--show", f"--showformat={form}", package], text=True, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def with_dependencies(packages):
    todo, seen = list(packages), set()
    while todo:
        package = todo.pop()
        if package in seen or not query("${Status}", package).endswith("installed"):
            continue
        seen.add(package)
        text = query("${Depends}, ${Pre-Depends}", package)
        todo += [re.match(r"[a-z0-9.+-]+", word.strip()).group(0) for word in re.split(r"[,|]", text) if word.strip()]
    return seen


def fill(root, packages):
    """Their shared objects, at the places where the packages have them; merged /usr as Debian 12 is."""
    for folder in ("usr/lib", "usr/lib64", "usr/bin"):
        (root / folder).mkdir(parents=True)
    for name in ("lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        files = subprocess.run(["dpkg-query", "--listfiles", package], text=True, capture_output=True, check=True).stdout.split()
        for file in files:
            if ".so" not in file or not os.path.isfile(file):
                continue
            target = root / (file.lstrip("/") if file.startswith("/usr") else f"usr{file}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)


def enter(root):
    os.chroot(root)
    os.chdir("/")


class DockerfileTest(unittest.TestCase):
    def test_what_is_copied_is_there(self):
        found = stages()
        for stage in found.values():
            for made_by, source, _ in stage.copies:
                if made_by is None:
                    self.assertTrue((TREE / source).exists(), source)
                else:
                    self.assertIn(source, [target for _, target in found[made_by].made])
        for source, target in found["build"].made:
            self.assertEqual(pathlib.Path(source).name, pathlib.Path(target).name)

    @unittest.skipIf(shutil.which("dpkg-query") is None, "no dpkg here")
    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_the_programs_run_on_the_packages_of_their_image(self):
        found = stages()
        tried = 0
        for name in found:
            targets = [target for _, _, target in found[name].copies if target in PROGRAMS]
            packages = [package for stage in chain(found, name) for package in stage.packages]
            for target in targets:
                with self.subTest(image=name), tempfile.TemporaryDirectory() as folder:
                    root = pathlib.Path(folder)
                    for package in packages:
                        self.assertTrue(query("${Status}", package).endswith("installed"), f"{package} is not installed here")
                    fill(root, with_dependencies(packages))
                    shutil.copy(PROGRAMS[target], root / target.lstrip("/"))
                    self.assertEqual(found[name].entrypoint, [target])
                    done = subprocess.run([target, "--help"], preexec_fn=lambda root=root: enter(root), text=True, capture_output=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    tried += 1
        self.assertEqual(tried, len(PROGRAMS))


# --- the manifest ---

class Map:
    """Keys with what their values are; a "_" at the end: has to be there."""

    def __init__(self, **fields):
        self.required = {name.rstrip("_") for name in fields if name.endswith("_")}
        self.fields = {name.rstrip("_"): value for name, value in fields.items()}


class ListOf:
    def __init__(self, item):
        self.item = item


class OneOf:
    def __init__(self, *values):
        self.values = values


class Matching:
    def __init__(self, pattern):
        self.pattern = pattern


NAME = Matching(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
QUANTITY = Matching(r"[0-9]+(\.[0-9]+)?(m|k|M|G|Ki|Mi|Gi)?")
TEXTS = Matching(None)  # any text by any text
METADATA = Map(name_=NAME, namespace=NAME, labels=TEXTS, annotations=TEXTS)
SECCOMP = Map(type_=OneOf("RuntimeDefault", "Unconfined", "Localhost"), localhostProfile=str)
SECURITY = Map(allowPrivilegeEscalation=bool, privileged=bool, readOnlyRootFilesystem=bool, runAsNonRoot=bool, runAsUser=int, runAsGroup=int,
               seccompProfile=SECCOMP, capabilities=Map(add=ListOf(Matching(r"[A-Z_]+")), drop=ListOf(Matching(r"[A-Z_]+"))))
CONTAINER = Map(name_=NAME, image_=str, args=ListOf(str), command=ListOf(str), env=ListOf(Map(name_=str, value=str)), securityContext=SECURITY,
                imagePullPolicy=OneOf("Always", "IfNotPresent", "Never"), resources=Map(requests=TEXTS, limits=TEXTS),
                volumeMounts=ListOf(Map(name_=NAME, mountPath_=Matching("/.*"), readOnly=bool, subPath=str)))
HOST_PATH = Map(path_=Matching("/.*"), type=OneOf("", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"))
VOLUME = Map(name_=NAME, configMap=Map(name_=NAME, optional=bool), hostPath=HOST_PATH, emptyDir=Map(medium=OneOf("", "Memory"), sizeLimit=QUANTITY))
POD = Map(containers_=ListOf(CONTAINER), initContainers=ListOf(CONTAINER), volumes=ListOf(VOLUME), hostNetwork=bool, hostPID=bool, nodeSelector=TEXTS,
          automountServiceAccountToken=bool, restartPolicy=OneOf("Always", "OnFailure", "Never"))
KINDS = {
    ("v1", "ConfigMap"): Map(apiVersion_=str, kind_=str, metadata_=METADATA, data=TEXTS),
    ("v1", "Pod"): Map(apiVersion_=str, kind_=str, metadata_=METADATA, spec_=POD),
    ("apps/v1", "DaemonSet"): Map(apiVersion_=str, kind_=str, metadata_=METADATA, spec_=Map(
        selector_=Map(matchLabels_=TEXTS), template_=Map(metadata_=Map(labels_=TEXTS, annotations=TEXTS), spec_=POD))),
}


def faults(value, shape, where):
    """What is wrong with it, a line each."""
    if isinstance(shape, Map):
        if not isinstance(value, dict):
            return [f"{where}: a map is expected"]
        lines = [f"{where}.{name}: unknown" for name in value if name not in shape.fields]
        lines += [f"{where}.{name}: missing" for name in shape.required if name not in value]
        for name in value:
            if name in shape.fields:
                lines += faults(value[name], shape.fields[name], f"{where}.{name}")
        return lines
    if isinstance(shape, ListOf):
        if not isinstance(value, list):
            return [f"{where}: a list is expected"]
        return [line for index, item in enumerate(value) for line in faults(item, shape.item, f"{where}[{index}]")]
    if isinstance(shape, OneOf):
        return [] if value in shape.values else [f"{where}: '{value}' is none of {', '.join(shape.values)}"]
    if shape is TEXTS:
        right = isinstance(value, dict) and all(isinstance(name, str) and isinstance(text, str) for name, text in value.items())
        return [] if right else [f"{where}: texts by names are expected (\"2\" is one, 2 is not)"]
    if isinstance(shape, Matching):
        return [] if isinstance(value, str) and re.fullmatch(shape.pattern, value, re.DOTALL) else [f"{where}: '{value}' is not {shape.pattern}"]
    right = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
    return [] if right else [f"{where}: '{value}' is no {shape.__name__}"]


def faults_of_pod(spec, where, config_maps):
    lines = []
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    for volume in volumes.values():
        if len(volume) != 2:
            lines.append(f"{where}: volume {volume['name']} is of one kind, not {len(volume) - 1}")
        if "configMap" in volume and volume["configMap"]["name"] not in config_maps:
            lines.append(f"{where}: there is no ConfigMap {volume['configMap']['name']}")
    for container in spec["containers"]:
        mounted = [mount["name"] for mount in container.get("volumeMounts", [])]
        lines += [f"{where}: {container['name']} mounts {name}, which is no volume" for name in mounted if name not in volumes]
        for kind in container.get("resources", {}).values():
            lines += [line for name, value in kind.items() for line in faults(value, QUANTITY, f"{where}.resources.{name}")]
    return lines


def faults_of(documents):
    lines = []
    config_maps = {document["metadata"]["name"] for document in documents if document.get("kind") == "ConfigMap"}
    for document in documents:
        key = (document.get("apiVersion"), document.get("kind"))
        if key not in KINDS:
            lines.append(f"{key}: unknown kind")
            continue
        wrong = faults(document, KINDS[key], key[1])
        lines += wrong
        if wrong or "spec" not in document:
            continue
        spec = document["spec"]
        if key[1] == "DaemonSet":
            labels = spec["template"]["metadata"]["labels"]
            if not spec["selector"]["matchLabels"].items() <= labels.items():
                lines.append("DaemonSet: its selector does not fit its own pods")
            if spec["template"]["spec"].get("restartPolicy", "Always") != "Always":
                lines.append("DaemonSet: restartPolicy may be Always alone")
            spec = spec["template"]["spec"]
        lines += faults_of_pod(spec, key[1], config_maps)
    return lines


class ManifestTest(unittest.TestCase):
    def setUp(self):
        self.documents = list(yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")))
        self.of_kind = {document["kind"]: document for document in self.documents}

    def test_every_field_is_one_of_its_kind(self):
        self.assertEqual(faults_of(self.documents), [])

    def test_wrong_fields_are_found(self):
        text = MANIFEST.read_text(encoding="utf-8")
        for right, wrong, complaint in (("hostNetwork: true", "hostNetworks: true", "hostNetworks: unknown"),
                                        ("hostNetwork: true", "hostNetwork: \"true\"", "is no bool"),
                                        ("type: DirectoryOrCreate", "type: Folder", "is none of"),
                                        ("cpu: \"2\"", "cpu: 2", "texts by names"),
                                        ("memory: 1Gi", "memory: 1GB", "is not"),
                                        ("          image: pollux-broker\n", "", "image: missing"),
                                        ("name: configuration\n          configMap", "name: other\n          configMap", "which is no volume"),
                                        ("    matchLabels:\n      app: pollux-broker", "    matchLabels:\n      app: other", "selector"),
                                        ("apiVersion: apps/v1", "apiVersion: v1", "unknown kind")):
            self.assertIn(right, text)
            self.assertIn(complaint, "\n".join(faults_of(list(yaml.safe_load_all(text.replace(right, wrong, 1))))), wrong)

    def test_the_broker_takes_its_configuration(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(self.of_kind["ConfigMap"]["data"]["broker.json"])
            file.flush()
            done = subprocess.run([BROKER, f"--config={file.name}", "--check"], text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_parts_fit_each_other(self):
        configuration = yaml.safe_load(self.of_kind["ConfigMap"]["data"]["broker.json"])
        broker = self.of_kind["DaemonSet"]["spec"]["template"]["spec"]["containers"][0]
        pod = self.of_kind["Pod"]["spec"]
        worker = pod["containers"][0]
        self.assertEqual(set(stages()) & {"broker", "testpmd"}, {image["image"].removeprefix("pollux-") for image in (broker, worker)})
        # What the pod asks for is what its user may have, where the broker listens.
        device = worker["args"][worker["args"].index("--vdev") + 1]
        grant = configuration["clients"][0]
        self.assertIn(f"iface={grant['ports'][0]['interface']},", device)
        self.assertIn(f"broker={configuration['socket']}", device)
        self.assertIn(worker["securityContext"]["runAsUser"], grant["users"])
        for container in (broker, worker):
            self.assertIn(os.path.dirname(configuration["socket"]), [mount["mountPath"] for mount in container["volumeMounts"]])
        # The worker has no capability, the broker those of its unit.
        self.assertEqual(worker["securityContext"]["capabilities"], {"drop": ["ALL"]})
        unit = re.search(r"^CapabilityBoundingSet=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE).group(1)
        self.assertEqual({f"CAP_{name}" for name in broker["securityContext"]["capabilities"]["add"]}, set(unit.split()))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
