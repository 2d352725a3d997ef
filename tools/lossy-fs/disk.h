/*
 * The disk of the lossy file system: files and directories in memory, each with what programs see
 * (current), what a power cut cannot take (durable), and the changes between the two (pending).
 */
#ifndef LOSSY_DISK_H
#define LOSSY_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* A power cut takes or leaves an unsynced write in pieces of this many bytes. */
#define SECTOR_BYTES 512

struct image {
  unsigned char *bytes;
  size_t size;
  size_t capacity;
};

/* A change of a file that is not synced: a write, or a truncation where `bytes` is null. */
struct file_change {
  unsigned char *bytes;
  size_t length;
  /* The position of a write; the new size of a truncation. */
  size_t at;
  /* The size of the file after this change; SIZE_MAX if the change left it as it was. */
  size_t new_size;
};

struct node;

struct name {
  char *text;
  struct node *node;
};

struct names {
  struct name *list;
  size_t count;
};

enum name_change_kind { NAME_ADDED, NAME_REMOVED, NAME_MOVED };

/* A change of a directory that is not synced. `to` is the new name of a move. */
struct name_change {
  uint64_t sequence;
  enum name_change_kind kind;
  char *name;
  char *to;
  struct node *node;
};

struct node {
  struct node *next;
  uint64_t number;
  mode_t mode;
  struct timespec modified;
  /* How often open files and the kernel refer to this node. */
  uint64_t references;
  bool is_reached;
  /* Of a file. */
  struct image current;
  struct image durable;
  struct file_change *changes;
  size_t change_count;
  /* Of a directory. */
  struct names names;
  struct names durable_names;
  struct name_change *name_changes;
  size_t name_change_count;
};

/*
 * NAMES_BY_DIRECTORY: only fsync of a directory makes its names durable, and each change of a name
 * survives by itself; POSIX promises no more. NAMES_IN_ORDER: changes of names survive in the order in
 * which they were made, in all directories, and fsync of anything makes all of them durable, as the
 * journals of ext4 and XFS do.
 */
enum name_rule { NAMES_BY_DIRECTORY, NAMES_IN_ORDER };

struct node *disk_open(enum name_rule rule);
struct node *node_new(mode_t mode);
bool node_is_directory(const struct node *node);
struct node *names_find(const struct names *names, const char *text);
unsigned names_count_of(const struct node *node);

void file_write(struct node *file, const void *bytes, size_t length, size_t at);
void file_truncate(struct node *file, size_t size);
void file_sync(struct node *file);

void directory_change(struct node *directory, enum name_change_kind kind, const char *name,
                      const char *to, struct node *node);
void directory_sync(struct node *directory);

/* Power fails: a choice by chance, the same for the same seed, decides what survives of each change. */
struct node *disk_cut(uint32_t seed);

#endif
