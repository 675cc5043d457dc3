"""The installable library: the project's cc_libraries merged into one archive, its headers, and what an application has to link."""

VERSION = "0.1.0"

# The library for C: the number follows POLLUX_ABI_OLDEST of pmd/c/pollux.h.
C_SONAME = "libpollux.so.0"

# The library for C++, whose classes change from one minor version to the next.
CXX_SONAME = "libpollux-cxx.so." + VERSION.rpartition(".")[0]

def _ours(label):
    return label.workspace_name == ""

def _merged_archive_impl(ctx):
    toolchain = ctx.attr._toolchain[cc_common.CcToolchainInfo]
    archives = []
    link_flags = []
    system = []
    context = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    for linker_input in context.linking_context.linker_inputs.to_list():
        if not _ours(linker_input.owner):
            system.append(linker_input)
            link_flags += [flag for flag in linker_input.user_link_flags if flag not in link_flags]
            continue
        for library in linker_input.libraries:
            # Position-independent code serves both the archive and the shared library.
            archives.append(library.pic_static_library or library.static_library)

    # An MRI script, because "addlib" copies the members of an archive, also those of equal name.
    archive = ctx.actions.declare_file("lib" + ctx.attr.library + ".a")
    script = ctx.actions.declare_file(ctx.label.name + ".mri")
    ctx.actions.write(script, "\n".join(
        ["create " + archive.path] + ["addlib " + member.path for member in archives] + ["save", "end", ""],
    ))
    ctx.actions.run_shell(
        inputs = depset([script] + archives, transitive = [toolchain.all_files]),
        outputs = [archive],
        # -D: no time stamps, so that equal members make an equal archive.
        command = "{ar} -M < {script} && {ar} sD {archive}".format(
            ar = toolchain.ar_executable,
            script = script.path,
            archive = archive.path,
        ),
        mnemonic = "MergeArchives",
        progress_message = "Merging %d archives into %s" % (len(archives), archive.short_path),
    )

    # Where Abseil is in the public headers, an application links it itself ("Requires"); the rest only a static one needs.
    private = [flag for flag in link_flags if not ctx.attr.requires or not flag.startswith("-labsl_")]
    pkg_config = ctx.actions.declare_file(ctx.attr.library + ".pc")
    ctx.actions.write(pkg_config, "\n".join([
        "prefix=@PREFIX@",
        "libdir=${prefix}/@LIBDIR@",
        "includedir=${prefix}/include/pollux",
        "",
        "Name: " + ctx.attr.library,
        "Description: " + ctx.attr.description,
        "Version: " + VERSION,
    ] + ["Requires: " + " ".join(ctx.attr.requires)] * (1 if ctx.attr.requires else 0) + [
        "Cflags: -I${includedir}",
        "Libs: -L${libdir} -l" + ctx.attr.library,
        # For a program in C, whose compiler does not bring the C++ library itself.
        "Libs.private: " + " ".join(private + ["-lstdc++"]),
        "",
    ]))

    whole = cc_common.create_linker_input(
        owner = ctx.label,
        libraries = depset([cc_common.create_library_to_link(
            actions = ctx.actions,
            feature_configuration = cc_common.configure_features(ctx = ctx, cc_toolchain = toolchain),
            cc_toolchain = toolchain,
            pic_static_library = archive,
            alwayslink = True,
        )]),
    )
    return [
        DefaultInfo(files = depset([archive]), runfiles = ctx.runfiles(files = [archive])),
        OutputGroupInfo(pkg_config = depset([pkg_config])),
        CcInfo(linking_context = cc_common.create_linking_context(linker_inputs = depset([whole] + system))),
    ]

merged_archive = rule(
    implementation = _merged_archive_impl,
    doc = "Merges the archives of `deps` and of all that they need of this project into one, and writes the pkg-config file. As a " +
          "dependency of a cc_binary it is linked in whole.",
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "description": attr.string(mandatory = True),
        "library": attr.string(mandatory = True, doc = "the archive is lib<this>.a, the pkg-config file <this>.pc"),
        "requires": attr.string_list(doc = "pkg-config's names of what is in the public headers"),
        "_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
)

def _public_headers_impl(ctx):
    context = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps]).compilation_context
    headers = [
        header
        for header in context.headers.to_list()
        if header.is_source and _ours(header.owner) and (header.owner.package in ctx.attr.folders or header.short_path in ctx.attr.files)
    ]
    return [DefaultInfo(files = depset(headers), runfiles = ctx.runfiles(files = headers))]

public_headers = rule(
    implementation = _public_headers_impl,
    doc = "The headers of `deps`, and of all that they need, that lie in `folders`; not in folders below these. And `files`, from where they are.",
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "files": attr.string_list(),
        "folders": attr.string_list(mandatory = True),
    },
)
