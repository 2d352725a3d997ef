/* The disk of the lossy file system. disk.h says what the parts are. */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct node *all_nodes;
static struct node *root;
static enum name_rule rule;
static uint64_t last_number;
/* Of the changes of names. */
static uint64_t last_sequence;

static void *grown(void *memory, size_t bytes) {
  void *result = realloc(memory, bytes);
  if (result == NULL && bytes > 0) {
    fputs("lossy-fs: out of memory\n", stderr);
    abort();
  }
  return result;
}

static char *copy_of(const char *text) {
  return text == NULL ? NULL : strcpy(grown(NULL, strlen(text) + 1), text);
}

/* Images. */

static void image_resize(struct image *image, size_t size) {
  if (size > image->capacity) {
    image->capacity = size + size / 2 + 4096;
    image->bytes = grown(image->bytes, image->capacity);
  }
  if (size > image->size) memset(image->bytes + image->size, 0, size - image->size);
  image->size = size;
}

static void image_write(struct image *image, const unsigned char *bytes, size_t length, size_t at) {
  if (length == 0) return;
  if (at + length > image->size) image_resize(image, at + length);
  memcpy(image->bytes + at, bytes, length);
}

static void image_copy(struct image *to, const struct image *from) {
  image_resize(to, 0);
  image_write(to, from->bytes, from->size, 0);
}

/* Names. */

struct node *names_find(const struct names *names, const char *text) {
  for (size_t at = 0; at < names->count; at += 1)
    if (strcmp(names->list[at].text, text) == 0) return names->list[at].node;
  return NULL;
}

static void names_remove(struct names *names, const char *text) {
  for (size_t at = 0; at < names->count; at += 1) {
    if (strcmp(names->list[at].text, text) != 0) continue;
    free(names->list[at].text);
    names->list[at] = names->list[names->count - 1];
    names->count -= 1;
    return;
  }
}

static void names_set(struct names *names, const char *text, struct node *node) {
  names_remove(names, text);
  names->list = grown(names->list, (names->count + 1) * sizeof *names->list);
  names->list[names->count] = (struct name){copy_of(text), node};
  names->count += 1;
}

static void names_apply(struct names *names, const struct name_change *change) {
  if (change->kind == NAME_ADDED) {
    names_set(names, change->name, change->node);
    return;
  }
  if (names_find(names, change->name) == change->node) names_remove(names, change->name);
  if (change->kind == NAME_MOVED) names_set(names, change->to, change->node);
}

static void names_copy(struct names *to, const struct names *from) {
  while (to->count > 0) names_remove(to, to->list[0].text);
  for (size_t at = 0; at < from->count; at += 1)
    names_set(to, from->list[at].text, from->list[at].node);
}

/* Nodes. */

struct node *node_new(mode_t mode) {
  struct node *node = grown(NULL, sizeof *node);
  memset(node, 0, sizeof *node);
  node->number = last_number += 1;
  node->mode = mode;
  clock_gettime(CLOCK_REALTIME, &node->modified);
  node->next = all_nodes;
  all_nodes = node;
  return node;
}

bool node_is_directory(const struct node *node) { return S_ISDIR(node->mode); }

/* How many names a file has. */
unsigned names_count_of(const struct node *node) {
  unsigned count = 0;
  for (const struct node *each = all_nodes; each != NULL; each = each->next)
    for (size_t at = 0; at < each->names.count; at += 1)
      if (each->names.list[at].node == node) count += 1;
  return count;
}

static void forget_file_changes(struct node *file) {
  for (size_t at = 0; at < file->change_count; at += 1) free(file->changes[at].bytes);
  file->change_count = 0;
}

static void forget_name_changes(struct node *directory, size_t count) {
  for (size_t at = 0; at < count; at += 1) {
    free(directory->name_changes[at].name);
    free(directory->name_changes[at].to);
  }
  directory->name_change_count -= count;
  if (directory->name_change_count == 0) return;
  memmove(directory->name_changes, directory->name_changes + count,
          directory->name_change_count * sizeof *directory->name_changes);
}

static void mark_reached(struct node *node) {
  if (node == NULL || node->is_reached) return;
  node->is_reached = true;
  for (size_t at = 0; at < node->names.count; at += 1) mark_reached(node->names.list[at].node);
  for (size_t at = 0; at < node->durable_names.count; at += 1)
    mark_reached(node->durable_names.list[at].node);
  for (size_t at = 0; at < node->name_change_count; at += 1)
    mark_reached(node->name_changes[at].node);
}

static void node_free(struct node *node) {
  forget_file_changes(node);
  forget_name_changes(node, node->name_change_count);
  names_copy(&node->names, &(struct names){0});
  names_copy(&node->durable_names, &(struct names){0});
  free(node->names.list);
  free(node->durable_names.list);
  free(node->changes);
  free(node->name_changes);
  free(node->current.bytes);
  free(node->durable.bytes);
  free(node);
}

/* Frees what no name can lead to any more, no open file and not the kernel. */
static void sweep(void) {
  for (struct node *node = all_nodes; node != NULL; node = node->next) node->is_reached = false;
  mark_reached(root);
  for (struct node *node = all_nodes; node != NULL; node = node->next)
    if (node->references > 0) mark_reached(node);
  for (struct node **link = &all_nodes; *link != NULL;) {
    struct node *node = *link;
    if (node->is_reached) {
      link = &node->next;
      continue;
    }
    *link = node->next;
    node_free(node);
  }
}

struct node *disk_open(enum name_rule name_rule) {
  rule = name_rule;
  root = node_new(S_IFDIR | 0755);
  return root;
}

/* Changes and syncs of files. */

static void add_file_change(struct node *file, struct file_change change) {
  file->changes = grown(file->changes, (file->change_count + 1) * sizeof *file->changes);
  file->changes[file->change_count] = change;
  file->change_count += 1;
  clock_gettime(CLOCK_REALTIME, &file->modified);
}

void file_write(struct node *file, const void *bytes, size_t length, size_t at) {
  bool grows = at + length > file->current.size;
  image_write(&file->current, bytes, length, at);
  unsigned char *copy = memcpy(grown(NULL, length + 1), bytes, length);
  add_file_change(file, (struct file_change){copy, length, at, grows ? at + length : SIZE_MAX});
}

void file_truncate(struct node *file, size_t size) {
  image_resize(&file->current, size);
  add_file_change(file, (struct file_change){NULL, 0, size, size});
}

static void keep_names(struct node *directory) {
  names_copy(&directory->durable_names, &directory->names);
  forget_name_changes(directory, directory->name_change_count);
}

static void keep_all_names(void) {
  for (struct node *node = all_nodes; node != NULL; node = node->next)
    if (node->name_change_count > 0) keep_names(node);
}

void file_sync(struct node *file) {
  for (size_t at = 0; at < file->change_count; at += 1) {
    const struct file_change *change = &file->changes[at];
    if (change->bytes == NULL) image_resize(&file->durable, change->new_size);
    else image_write(&file->durable, change->bytes, change->length, change->at);
  }
  forget_file_changes(file);
  if (rule == NAMES_IN_ORDER) keep_all_names();
}

/* Changes and syncs of directories. */

void directory_change(struct node *directory, enum name_change_kind kind, const char *name,
                      const char *to, struct node *node) {
  directory->name_changes = grown(directory->name_changes, (directory->name_change_count + 1) *
                                                               sizeof *directory->name_changes);
  struct name_change change = {last_sequence += 1, kind, copy_of(name), copy_of(to), node};
  directory->name_changes[directory->name_change_count] = change;
  directory->name_change_count += 1;
  names_apply(&directory->names, &change);
  clock_gettime(CLOCK_REALTIME, &directory->modified);
}

void directory_sync(struct node *directory) {
  if (rule == NAMES_IN_ORDER) keep_all_names();
  else keep_names(directory);
  sweep();
}

/* Power cuts. */

static uint32_t random_state;

/* A number from 0 to below `below` (SplitMix on 32 bits). */
static uint32_t random_below(uint32_t below) {
  random_state += 0x9e3779b9u;
  uint32_t mixed = (random_state ^ (random_state >> 16)) * 0x21f0aaadu;
  mixed = (mixed ^ (mixed >> 15)) * 0x735a2d97u;
  return (mixed ^ (mixed >> 15)) % below;
}

/*
 * The odds of a cut are drawn first: even chances for each piece would never show "all but one" of a
 * hundred. In thousandths.
 */
static uint32_t survival_odds;
static bool survives_by_change;

static void draw_odds(void) {
  static const uint32_t odds[] = {0, 1000, 500, 500, 100, 900, 20, 980};
  survival_odds = odds[random_below(sizeof odds / sizeof *odds)];
  survives_by_change = random_below(3) == 0;
}

/* With NAMES_IN_ORDER: the last change of a name that survives. */
static uint64_t last_surviving;

static void draw_last_surviving(void) {
  uint64_t pending = 0;
  for (const struct node *node = all_nodes; node != NULL; node = node->next)
    pending += node->name_change_count;
  last_surviving = last_sequence - random_below((uint32_t)pending + 1);
}

static bool survives(void) { return random_below(1000) < survival_odds; }

/* Size and content are independent: a piece behind the size that survives is lost. */
static void cut_file(struct node *file) {
  size_t size = file->durable.size;
  size_t sizes_seen = 0;
  for (size_t at = 0; at < file->change_count; at += 1)
    if (file->changes[at].new_size != SIZE_MAX) sizes_seen += 1;
  size_t sizes_kept = sizes_seen > 0 && survives() ? 1 + random_below(sizes_seen) : 0;
  if (survival_odds == 1000) sizes_kept = sizes_seen;
  sizes_seen = 0;
  for (size_t at = 0; at < file->change_count; at += 1) {
    const struct file_change *change = &file->changes[at];
    bool keeps_size = change->new_size != SIZE_MAX && (sizes_seen += 1) <= sizes_kept;
    if (keeps_size && change->bytes == NULL) {
      size = change->new_size;
      if (file->durable.size > size) image_resize(&file->durable, size);
    } else if (keeps_size && change->new_size > size) {
      size = change->new_size;
    }
    bool whole = survives();
    for (size_t from = 0; from < change->length;) {
      size_t position = change->at + from;
      size_t length = SECTOR_BYTES - position % SECTOR_BYTES;
      if (length > change->length - from) length = change->length - from;
      if (survives_by_change ? whole : survives())
        image_write(&file->durable, change->bytes + from, length, position);
      from += length;
    }
  }
  image_resize(&file->durable, size);
  forget_file_changes(file);
  image_copy(&file->current, &file->durable);
}

static bool touch_same(const struct name_change *a, const struct name_change *b) {
  const char *of_a[] = {a->name, a->to};
  const char *of_b[] = {b->name, b->to};
  for (int at = 0; at < 4; at += 1) {
    const char *left = of_a[at / 2], *right = of_b[at % 2];
    if (left != NULL && right != NULL && strcmp(left, right) == 0) return true;
  }
  return false;
}

/* A later change of a name needs the earlier ones of the same name. */
static void cut_directory(struct node *directory) {
  size_t count = directory->name_change_count;
  bool *is_lost = grown(NULL, count * sizeof *is_lost + 1);
  for (size_t at = 0; at < count; at += 1) {
    const struct name_change *change = &directory->name_changes[at];
    is_lost[at] = rule == NAMES_IN_ORDER ? change->sequence > last_surviving : !survives();
    for (size_t earlier = 0; earlier < at; earlier += 1)
      if (is_lost[earlier] && touch_same(&directory->name_changes[earlier], change))
        is_lost[at] = true;
    if (!is_lost[at]) names_apply(&directory->durable_names, change);
  }
  free(is_lost);
  forget_name_changes(directory, count);
  names_copy(&directory->names, &directory->durable_names);
}

/* In the order in which the nodes were made, so that the same seed chooses the same. */
static void cut_in_order(struct node *node) {
  if (node == NULL) return;
  cut_in_order(node->next);
  node->references = 0;
  if (node_is_directory(node)) cut_directory(node);
  else cut_file(node);
}

struct node *disk_cut(uint32_t seed) {
  random_state = seed;
  draw_odds();
  draw_last_surviving();
  cut_in_order(all_nodes);
  sweep();
  return root;
}
