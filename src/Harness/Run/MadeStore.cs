using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Run;

/// <summary>
/// A store of a matrix that names a size where a chain names a place: <c>file:256M</c>, <c>file-direct:256M</c>, <c>ext2:256M</c>, <c>nbd:256M</c>. What it
/// stands for is made for each cell, and gone after it (<see cref="CellStore"/>).
/// </summary>
/// <param name="Kind">The store's name in the catalog.</param>
/// <param name="Size">Bytes.</param>
internal sealed record MadeStore(string Kind, long Size)
{
    private const string Image = "ext2";
    private const string Server = "nbd";
    private const string Spin = "spin";

    /// <summary>A spinning server, the spinning server behind it and a spinning client.</summary>
    private const int CpusToSpin = 3;

    private static readonly string[] s_kinds = ["file", "file-direct", Image, Server];

    /// <summary>It lies in a file in an ext4 image; else, but for <see cref="IsServer"/>, it is a file by itself.</summary>
    public bool IsImage => Kind == Image;

    /// <summary>It is the memory of a second server.</summary>
    public bool IsServer => Kind == Server;

    /// <summary>What the store at the end of a chain asks to be made; null for any other store, one with a path or a URI among them.</summary>
    public static MadeStore? In(string chain)
    {
        if (BlockChain.Split(chain).Store.Split(':') is not [var kind, var size] || !s_kinds.Contains(kind))
        {
            return null;
        }
        try
        {
            return new MadeStore(kind, Units.ParseSize(size));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>Why it cannot be made for a cell, in one line; null where it can.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="cpus">How many CPUs its processes have between them.</param>
    public string? Refusal(Cell cell, int cpus) => Kind switch
    {
        Image => Ext2ImageFile.Refusal() ?? TmpfsFile.Refusal(Ext2ImageFile.Bytes(Size)),
        Server => cpus < CpusToSpin && (cell["wait"] == Spin || cell.ClientWait == Spin)
            ? "beside a server behind the server, loops that spin need three CPUs, or they keep each other waiting; leave wait at block"
            : null,
        _ => TmpfsFile.Refusal(Size),
    };

    /// <summary>The chain with the place of what was made in place of the size.</summary>
    /// <param name="chain">The chain that this was read from.</param>
    /// <param name="place">The file, the image or the second server's URI.</param>
    public string At(string chain, string place) =>
        $"{BlockChain.Split(chain).Filters}{Kind}:{(IsImage ? $"image={place},file={Ext2ImageFile.FileName}" : place)}";
}
