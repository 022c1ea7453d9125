using System.Runtime.CompilerServices;
using Harness.Ext2;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>The stores that need a library of the system, made known to whoever reads chains. Their code is loaded when one of them is asked for.</summary>
internal static class SystemStores
{
    /// <summary>Called when the program begins, and by tests before theirs.</summary>
    public static void Register() => StoreCatalog.Extend(new StoreKind(
        "ext2",
        "ext2:image=IMAGE[,file=FILE]",
        "A regular file inside an ext2, ext3 or ext4 image, through the system's libext2fs. It keeps its size.",
        [
            new("IMAGE", "the image's path, like /srv/fs.img, or a chain, like partition:number=1/file:/srv/disk.img; , and % are written %2C and %25"),
            new("FILE", "the file's path in the image, like /disk.img; links are followed as from the image's root; without it the export's name is the path"),
        ],
        Make)
    {
        ByName = new ImageFiles(),
    });

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IBlock Make(string text, bool readOnly) => Ext2Store.Make(text, readOnly);

    /// <summary>Goes between, so that the code of the store is not loaded before it is asked for.</summary>
    private sealed class ImageFiles : IStoreByName
    {
        public bool LeavesOpen(string text) => Load().LeavesOpen(text);

        public IDisposable Hold(string text, bool readOnly, out BlockGraph? behind) => Load().Hold(text, readOnly, out behind);

        public IBlock Make(string text, bool readOnly, string exportName) => Load().Make(text, readOnly, exportName);

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static Ext2ByName Load() => new();
    }
}
