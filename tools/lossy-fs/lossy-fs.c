/*
 * A file system for power cuts below real processes. It keeps everything in memory and knows what was
 * synced; when power fails, what was not synced is lost in part. README.md says how it is used and what
 * is lost. It is mounted by one thread and commanded, through standard input, by another one.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"

/* Guards everything below, and the disk. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct node *root;
/* Without power every call fails with EIO. */
static bool is_off;
/* Power fails at so many changes or syncs from now. 0: it does not. */
static unsigned long calls_left;
static uint32_t cut_seed;
static bool is_ending;
static const char *mount_point;

static void say(const char *line) {
  printf("%s\n", line);
  fflush(stdout);
}

/* Takes the lock. Returns whether there is power; without, the request has its answer. */
static bool enter(fuse_req_t request) {
  pthread_mutex_lock(&lock);
  if (!is_off) return true;
  pthread_mutex_unlock(&lock);
  fuse_reply_err(request, EIO);
  return false;
}

/* Gives the lock back. Returns the error of a call that made a change: EIO where it was the last call. */
static int leave(int error) {
  if (is_off) error = EIO;
  pthread_mutex_unlock(&lock);
  return error;
}

static void answer(fuse_req_t request, int error) { fuse_reply_err(request, leave(error)); }

/*
 * Each change and each sync asks this. At the last call that is left power fails: a change still becomes
 * one of the unsynced changes, a sync does nothing, and both answer EIO.
 */
static bool is_last_call(void) {
  if (calls_left == 0) return false;
  calls_left -= 1;
  if (calls_left > 0) return false;
  is_off = true;
  say("off");
  return true;
}

/* The kernel knows a node by its address; FUSE_ROOT_ID is the root. */
static struct node *node_of(fuse_ino_t id) {
  return id == FUSE_ROOT_ID ? root : (struct node *)(uintptr_t)id;
}

static struct stat describe(const struct node *node) {
  return (struct stat){
      .st_ino = node->number,
      .st_mode = node->mode,
      .st_nlink = node_is_directory(node) ? 2 : names_count_of(node),
      .st_size = (off_t)node->current.size,
      .st_blocks = (blkcnt_t)((node->current.size + 511) / 512),
      .st_blksize = 4096,
      .st_atim = node->modified,
      .st_mtim = node->modified,
      .st_ctim = node->modified,
      .st_uid = getuid(),
      .st_gid = getgid(),
  };
}

/* Tells the kernel of a node, which it may use until it forgets it. Nothing of it may be cached. */
static struct fuse_entry_param entry_of(struct node *node) {
  node->references += 1;
  return (struct fuse_entry_param){.ino = (uintptr_t)node, .attr = describe(node)};
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
  if (!enter(request)) return;
  struct node *node = names_find(&node_of(parent)->names, name);
  if (node == NULL) return answer(request, ENOENT);
  struct fuse_entry_param entry = entry_of(node);
  leave(0);
  fuse_reply_entry(request, &entry);
}

static void on_forget(fuse_req_t request, fuse_ino_t id, uint64_t count) {
  pthread_mutex_lock(&lock);
  if (id != FUSE_ROOT_ID) node_of(id)->references -= count;
  pthread_mutex_unlock(&lock);
  fuse_reply_none(request);
}

static void reply_attributes(fuse_req_t request, const struct node *node) {
  struct stat attributes = describe(node);
  int error = leave(0);
  if (error != 0) fuse_reply_err(request, error);
  else fuse_reply_attr(request, &attributes, 0);
}

static void on_getattr(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info) {
  (void)info;
  if (!enter(request)) return;
  reply_attributes(request, node_of(id));
}

/* Times and modes are kept, but no power cut takes them: no log depends on them. */
static void on_setattr(fuse_req_t request, fuse_ino_t id, struct stat *to, int what,
                       struct fuse_file_info *info) {
  (void)info;
  if (!enter(request)) return;
  struct node *node = node_of(id);
  if ((what & FUSE_SET_ATTR_SIZE) != 0) {
    is_last_call();
    file_truncate(node, to->st_size);
  }
  if ((what & FUSE_SET_ATTR_MODE) != 0)
    node->mode = (node->mode & S_IFMT) | (to->st_mode & 07777);
  if ((what & FUSE_SET_ATTR_MTIME_NOW) != 0) clock_gettime(CLOCK_REALTIME, &node->modified);
  else if ((what & FUSE_SET_ATTR_MTIME) != 0) node->modified = to->st_mtim;
  reply_attributes(request, node);
}

/* Adds a file or a directory, or returns null where the name is taken. */
static struct node *make(fuse_ino_t parent, const char *name, mode_t mode) {
  struct node *directory = node_of(parent);
  if (names_find(&directory->names, name) != NULL) return NULL;
  is_last_call();
  struct node *node = node_new(mode);
  directory_change(directory, NAME_ADDED, name, NULL, node);
  return node;
}

static void on_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *info) {
  if (!enter(request)) return;
  struct node *node = make(parent, name, S_IFREG | (mode & 07777));
  if (node == NULL || is_off) return answer(request, EEXIST);
  node->references += 1;
  struct fuse_entry_param entry = entry_of(node);
  leave(0);
  fuse_reply_create(request, &entry, info);
}

static void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode) {
  if (!enter(request)) return;
  struct node *node = make(parent, name, S_IFDIR | (mode & 07777));
  if (node == NULL || is_off) return answer(request, EEXIST);
  struct fuse_entry_param entry = entry_of(node);
  leave(0);
  fuse_reply_entry(request, &entry);
}

static void on_open(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info) {
  if (!enter(request)) return;
  struct node *node = node_of(id);
  if ((info->flags & O_TRUNC) != 0 && node->current.size > 0) {
    is_last_call();
    file_truncate(node, 0);
  }
  if (is_off) return answer(request, EIO);
  node->references += 1;
  leave(0);
  fuse_reply_open(request, info);
}

static void on_release(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info) {
  (void)info;
  pthread_mutex_lock(&lock);
  node_of(id)->references -= 1;
  pthread_mutex_unlock(&lock);
  fuse_reply_err(request, 0);
}

static void on_read(fuse_req_t request, fuse_ino_t id, size_t length, off_t at,
                    struct fuse_file_info *info) {
  (void)info;
  if (!enter(request)) return;
  const struct image *image = &node_of(id)->current;
  size_t left = (size_t)at < image->size ? image->size - (size_t)at : 0;
  fuse_reply_buf(request, (const char *)image->bytes + at, length < left ? length : left);
  leave(0);
}

static void on_write(fuse_req_t request, fuse_ino_t id, const char *from, size_t length, off_t at,
                     struct fuse_file_info *info) {
  if (!enter(request)) return;
  bool is_last = is_last_call();
  file_write(node_of(id), from, length, at);
  /* O_SYNC contains O_DSYNC. */
  if (!is_last && (info->flags & O_DSYNC) != 0) file_sync(node_of(id));
  int error = leave(0);
  if (error != 0) fuse_reply_err(request, error);
  else fuse_reply_write(request, length);
}

static void on_fsync(fuse_req_t request, fuse_ino_t id, int is_datasync,
                     struct fuse_file_info *info) {
  (void)is_datasync, (void)info;
  if (!enter(request)) return;
  if (!is_last_call()) file_sync(node_of(id));
  answer(request, 0);
}

static void on_fsyncdir(fuse_req_t request, fuse_ino_t id, int is_datasync,
                        struct fuse_file_info *info) {
  (void)is_datasync, (void)info;
  if (!enter(request)) return;
  if (!is_last_call()) directory_sync(node_of(id));
  answer(request, 0);
}

static void on_unlink(fuse_req_t request, fuse_ino_t parent, const char *name) {
  if (!enter(request)) return;
  struct node *node = names_find(&node_of(parent)->names, name);
  if (node == NULL) return answer(request, ENOENT);
  if (node->names.count > 0) return answer(request, ENOTEMPTY);
  is_last_call();
  directory_change(node_of(parent), NAME_REMOVED, name, NULL, node);
  answer(request, 0);
}

static void on_rename(fuse_req_t request, fuse_ino_t parent, const char *name,
                      fuse_ino_t new_parent, const char *new_name, unsigned flags) {
  if (!enter(request)) return;
  struct node *node = names_find(&node_of(parent)->names, name);
  if (node == NULL) return answer(request, ENOENT);
  if (flags != 0) return answer(request, EINVAL);
  /* No log moves a file to another directory. */
  if (parent != new_parent) return answer(request, EXDEV);
  const struct node *replaced = names_find(&node_of(parent)->names, new_name);
  if (replaced != NULL && replaced->names.count > 0) return answer(request, ENOTEMPTY);
  if (replaced == node) return answer(request, 0);
  is_last_call();
  directory_change(node_of(parent), NAME_MOVED, name, new_name, node);
  answer(request, 0);
}

static void on_link(fuse_req_t request, fuse_ino_t id, fuse_ino_t parent, const char *name) {
  if (!enter(request)) return;
  struct node *node = node_of(id);
  if (names_find(&node_of(parent)->names, name) != NULL) return answer(request, EEXIST);
  is_last_call();
  directory_change(node_of(parent), NAME_ADDED, name, NULL, node);
  if (is_off) return answer(request, EIO);
  struct fuse_entry_param entry = entry_of(node);
  leave(0);
  fuse_reply_entry(request, &entry);
}

/* The names at the time of the opening, as the kernel wants them. */
struct listing {
  char *bytes;
  size_t length;
};

static void list(fuse_req_t request, struct listing *listing, const char *name, mode_t mode) {
  struct stat attributes = {.st_ino = 1, .st_mode = mode};
  size_t length = fuse_add_direntry(request, NULL, 0, name, NULL, 0);
  listing->bytes = realloc(listing->bytes, listing->length + length);
  if (listing->bytes == NULL) abort();
  fuse_add_direntry(request, listing->bytes + listing->length, length, name, &attributes,
                    (off_t)(listing->length + length));
  listing->length += length;
}

static void on_opendir(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info) {
  if (!enter(request)) return;
  struct node *directory = node_of(id);
  struct listing *listing = calloc(1, sizeof *listing);
  if (listing == NULL) abort();
  list(request, listing, ".", S_IFDIR);
  list(request, listing, "..", S_IFDIR);
  for (size_t at = 0; at < directory->names.count; at += 1)
    list(request, listing, directory->names.list[at].text, directory->names.list[at].node->mode);
  directory->references += 1;
  info->fh = (uintptr_t)listing;
  leave(0);
  fuse_reply_open(request, info);
}

static void on_readdir(fuse_req_t request, fuse_ino_t id, size_t length, off_t at,
                       struct fuse_file_info *info) {
  (void)id;
  if (!enter(request)) return;
  const struct listing *listing = (const struct listing *)(uintptr_t)info->fh;
  size_t left = (size_t)at < listing->length ? listing->length - (size_t)at : 0;
  leave(0);
  fuse_reply_buf(request, listing->bytes + at, length < left ? length : left);
}

static void on_releasedir(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *info) {
  struct listing *listing = (struct listing *)(uintptr_t)info->fh;
  free(listing->bytes);
  free(listing);
  on_release(request, id, info);
}

static void on_statfs(fuse_req_t request, fuse_ino_t id) {
  (void)id;
  struct statvfs figures = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};
  figures.f_blocks = figures.f_bfree = figures.f_bavail = 1 << 20;
  figures.f_files = figures.f_ffree = 1 << 20;
  fuse_reply_statfs(request, &figures);
}

static void on_init(void *unused, struct fuse_conn_info *connection) {
  (void)unused, (void)connection;
  say("mounted");
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,       .lookup = on_lookup,   .forget = on_forget,
    .getattr = on_getattr, .setattr = on_setattr, .create = on_create,
    .open = on_open,       .release = on_release, .read = on_read,
    .write = on_write,     .fsync = on_fsync,     .mkdir = on_mkdir,
    .unlink = on_unlink,   .rmdir = on_unlink,    .rename = on_rename,
    .link = on_link,       .opendir = on_opendir, .releasedir = on_releasedir,
    .readdir = on_readdir, .fsyncdir = on_fsyncdir, .statfs = on_statfs,
};

/* Ends the loop of the other thread. The kernel forgets its cache of files with it. */
static void unmount(void) {
  extern char **environ;
  char *arguments[] = {"fusermount3", "-u", "-q", "-z", (char *)mount_point, NULL};
  pid_t child;
  int status;
  if (posix_spawnp(&child, arguments[0], NULL, NULL, arguments, environ) != 0 ||
      waitpid(child, &status, 0) != child || status != 0)
    fputs("lossy-fs: fusermount3 -u failed\n", stderr);
}

static void *obey(void *unused) {
  char line[128];
  while (fgets(line, sizeof line, stdin) != NULL) {
    unsigned long number = 0;
    pthread_mutex_lock(&lock);
    bool is_cut = sscanf(line, "cut %lu", &number) == 1;
    if (is_cut) {
      is_off = true;
      cut_seed = number;
    } else if (sscanf(line, "off-after %lu", &number) == 1) {
      calls_left = number;
      say("ok");
    } else {
      say("unknown command");
    }
    pthread_mutex_unlock(&lock);
    if (is_cut) unmount();
  }
  pthread_mutex_lock(&lock);
  is_ending = is_off = true;
  pthread_mutex_unlock(&lock);
  unmount();
  return unused;
}

/* Mounts, and answers calls until it is unmounted. */
static bool serve(void) {
  char *arguments[] = {"lossy-fs", "-o", "fsname=lossy-fs,default_permissions"};
  struct fuse_args parsed = FUSE_ARGS_INIT(3, arguments);
  struct fuse_session *session = fuse_session_new(&parsed, &operations, sizeof operations, NULL);
  bool is_mounted = session != NULL && fuse_session_mount(session, mount_point) == 0;
  if (is_mounted) {
    fuse_session_loop(session);
    fuse_session_unmount(session);
  }
  if (session != NULL) fuse_session_destroy(session);
  fuse_opt_free_args(&parsed);
  return is_mounted;
}

int main(int count, char **arguments) {
  const char *rule = count == 3 ? arguments[2] : "";
  bool is_in_order = strcmp(rule, "names-in-order") == 0;
  if (!is_in_order && strcmp(rule, "names-by-directory") != 0) {
    fputs("Usage: lossy-fs DIRECTORY names-by-directory|names-in-order\n", stderr);
    return 2;
  }
  mount_point = arguments[1];
  root = disk_open(is_in_order ? NAMES_IN_ORDER : NAMES_BY_DIRECTORY);
  pthread_t thread;
  pthread_create(&thread, NULL, obey, NULL);
  for (;;) {
    if (!serve()) return 1;
    pthread_mutex_lock(&lock);
    if (is_ending) return 0;
    root = disk_cut(cut_seed);
    is_off = false;
    calls_left = 0;
    pthread_mutex_unlock(&lock);
  }
}
