/// Removing folders of our own on this machine. Links are removed, never followed. Any thread.
///
/// Nothing here reports errors: what cannot be removed stays, and whoever needs the place finds out.
#ifndef AVSP_CLIENT_TREE_H
#define AVSP_CLIENT_TREE_H

#include "util/base.h"

/// How deep a tree of ours can be.
#define AVSP_TREE_DEPTH_MAX 16

/// Removes @p name, relative to the open folder @p at (or AT_FDCWD), with everything in it.
void avsp_tree_remove(int at, const char *name);

/// Removes everything in an open folder but @p keep (a name, or "").
void avsp_tree_clear(int folder, const char *keep);

/// Does an open folder hold nothing but @p name?
bool avsp_tree_holds_only(int folder, const char *name);

/// Calls @p each with every name in an open folder, but "." and "..". @return false where it cannot be read, or @p each
/// stopped it with false.
bool avsp_tree_each(int folder, bool (*each)(void *opaque, int folder, const char *name),
                    void *opaque);

#endif
