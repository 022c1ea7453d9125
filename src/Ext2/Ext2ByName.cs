using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// A file of an image, chosen by the name of the export, as nbdkit's ext2 filter does with <c>ext2file=exportname</c>: the name is the path from the image's
/// root. Links on the way are followed inside the image, as there; a name that is itself a link is refused, as there.
/// </summary>
public sealed class Ext2ByName : IStoreByName
{
    /// <inheritdoc/>
    public bool LeavesOpen(string text) => Ext2Arguments.Read(text).File is null;

    /// <inheritdoc/>
    public IDisposable Hold(string text, bool readOnly, out BlockGraph? behind)
    {
        SharedImage image = Ext2Store.EnterImage(Ext2Arguments.Read(text).Image, readOnly);
        behind = image.Graph;
        if (image.Graph!.ThreadModel == ThreadModel.Parallel)
        {
            return new Held(image);
        }

        string strictest = ThreadModels.StrictestOf(image.Graph.Top).Block.Name;
        image.Leave();
        throw new BlockException($"'{strictest}' in the image does not allow that files are looked up while others are served; name the file with file=");
    }

    /// <inheritdoc/>
    public IBlock Make(string text, bool readOnly, string exportName)
    {
        string? wrong = exportName.Length == 0 ? "exports are files of an image here: ask for a path from its root, like /disk.img"
            : exportName[0] != '/' ? "the export's name does not begin with a slash; files are named from the image's root, like /disk.img"
            : exportName.Any(char.IsControl) ? "the export's name has control characters"
            : null;
        return wrong is null
            ? Ext2Store.Make(Ext2Arguments.WithFile(text, exportName), Ext2Arguments.Read(text).Image, exportName, readOnly, follow: false)
            : throw new BlockException(wrong) { ForClient = wrong };
    }

    private sealed class Held(SharedImage image) : IDisposable
    {
        public void Dispose() => image.Leave();
    }
}
