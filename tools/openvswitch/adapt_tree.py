#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Gives an Open vSwitch source tree packets whose memory belongs to a provider outside the tree: adapt_tree.py TREE.

Every other need of the provider is met at link time. This one is not: what frees a packet is decided by an inline function, and a packet of
AF_XDP memory that needs more headroom than it has ends the daemon (the case is marked unreachable). So lib/dp-packet.h and
lib/dp-packet.c get one more source of memory, DPBUF_EXTERNAL, with three functions that the provider sets; and lib/dpif-netdev.c keeps to
what that memory allows in the one place where it does not.

Insertions beside anchors instead of a patch: the anchors are the same in 3.1.0 and in the newest tree, whose line numbers and
surroundings differ. Each anchor must be found exactly once, or nothing is written. A tree that has them already is left alone.
"""

import pathlib
import sys

HEADER_DECLARATIONS = """\
/* What a provider outside this tree does with packets of source DPBUF_EXTERNAL.  Any thread may call these at any time. */
struct dp_packet_external {
    /* Takes back the packet and its memory. */
    void (*release)(struct dp_packet *);
    /* The data move to memory from malloc(), since they need more room than there is around them.  The packet stays the provider's. */
    void (*outgrow)(struct dp_packet *);
    /* Returns a packet with a copy of 'size' bytes, 'headroom' bytes before them, or NULL: then it is made by malloc(). */
    struct dp_packet *(*clone_data)(const struct dp_packet *, const void *data, size_t size, size_t headroom);
};
extern struct dp_packet_external dp_packet_external;

"""

CLONE_FUNCTION = """\
/* Copies only the data, into memory like that of 'buffer' if its provider has some left and the copy is for an output, which wants headroom:
 * who asks for none may take the packet apart, and gets memory of malloc(). */
static struct dp_packet *
dp_packet_clone_data_like(const struct dp_packet *buffer, const void *data, size_t size, size_t headroom)
{
    if (buffer->source == DPBUF_EXTERNAL && headroom) {
        struct dp_packet *b = dp_packet_external.clone_data(buffer, data, size, headroom);
        if (b) {
            return b;
        }
    }
    return dp_packet_clone_data_with_headroom(data, size, headroom);
}

"""

RESIZE_CASE = """\
    case DPBUF_EXTERNAL:
        new_base = xmalloc(new_allocated);
        dp_packet_copy__(b, new_base, new_headroom, new_tailroom);
        dp_packet_external.outgrow(b);
        break;

"""

# What a packet-out executes may come back as another packet, one that the fragment engine had kept: a clone, or (since 3.3) the packet itself.
# The caller goes on with it in a struct of its own (dp_packet_swap), and a struct that belongs to a frame cannot be exchanged.
PACKET_OF_ITS_OWN = """\
        if (pp.packets[0]->source == DPBUF_EXTERNAL) {
            struct dp_packet *kept = pp.packets[0];

            pp.packets[0] = dp_packet_clone(kept);
            dp_packet_delete(kept);
        }
"""

# File, anchor, text, and on which side of the anchor the text goes ("instead" takes the anchor away).
EDITS = [
    ("lib/dp-packet.h", "    DPBUF_AFXDP,               /* Buffer data from XDP frame. */\n", "after",
     "    DPBUF_EXTERNAL,            /* Memory of a provider outside this tree. */\n"),
    ("lib/dp-packet.h", "/* Frees memory that 'b' points to, as well as 'b' itself. */\n", "before", HEADER_DECLARATIONS),
    ("lib/dp-packet.h", "            free_afxdp_buf(b);\n            return;\n        }\n", "after",
     "\n        if (b->source == DPBUF_EXTERNAL) {\n            dp_packet_external.release(b);\n            return;\n        }\n"),
    ("lib/dp-packet.c", "static void\ndp_packet_init__(", "before", "struct dp_packet_external dp_packet_external;\n\n"),
    ("lib/dp-packet.c", "            free_afxdp_buf(b);\n        }\n", "instead",
     "            free_afxdp_buf(b);\n        } else if (b->source == DPBUF_EXTERNAL) {\n            dp_packet_external.release(b);\n        }\n"),
    ("lib/dp-packet.c", "    case DPBUF_STUB:\n        b->source = DPBUF_MALLOC;\n", "before", RESIZE_CASE),
    ("lib/dp-packet.c", "/* Creates and returns a new dp_packet whose data are copied from 'buffer'.\n", "before", CLONE_FUNCTION),
    ("lib/dp-packet.c", "    new_buffer = dp_packet_clone_data_with_headroom(", "instead",
     "    new_buffer = dp_packet_clone_data_like(buffer, "),
    ("lib/dp-packet.c", "    ovs_assert(b->source != DPBUF_AFXDP);\n", "after",
     "    ovs_assert(b->source != DPBUF_EXTERNAL);\n"),
    ("lib/dpif-netdev.c", "        dp_packet_swap(execute->packet, pp.packets[0]);\n", "before", PACKET_OF_ITS_OWN),
]


def main(tree):
    texts = {}
    for name, anchor, side, text in EDITS:
        content = texts.setdefault(name, (tree / name).read_text())
        if side == "after":
            replacement = anchor + text
        elif side == "before":
            replacement = text + anchor
        else:
            replacement = text
        if text in content:
            continue
        if content.count(anchor) != 1:
            sys.exit(f"{tree / name}: expected exactly once, found {content.count(anchor)} times:\n{anchor}"
                     "This tree is too different: insert by hand what adapt_tree.py inserts.")
        texts[name] = content.replace(anchor, replacement)
    for name, content in texts.items():
        if content != (tree / name).read_text():
            (tree / name).write_text(content)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (pathlib.Path(sys.argv[1]) / "lib/dp-packet.h").is_file():
        sys.exit("usage: adapt_tree.py TREE    (the source tree of Open vSwitch)")
    main(pathlib.Path(sys.argv[1]))
