using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// An image by its name: one for all stores of this process that name it, since to open a file system twice is to damage it. It is opened for writing where any
/// of those that were there at the time asks for it.
/// </summary>
internal sealed class SharedImage
{
    private static readonly Dictionary<string, SharedImage> s_images = new(StringComparer.Ordinal);
    private static readonly Lock s_lock = new();

    private readonly Lock _openLock = new();
    private readonly string _name;
    private readonly string _chain;
    private bool _writable;
    private int _stores;
    private OpenImage? _open;

    private SharedImage(string name, string chain)
    {
        _name = name;
        _chain = chain;
    }

    /// <summary>Counts a store in.</summary>
    /// <param name="image">A path, or a chain.</param>
    /// <param name="writable">The store is to change it.</param>
    /// <exception cref="BlockException">It is open for reading only, and cannot be opened once more.</exception>
    public static SharedImage Enter(string image, bool writable)
    {
        string chain = ImageName.Chain(image);
        string name = ImageName.Canonical(chain);
        SharedImage shared;
        lock (s_lock)
        {
            if (!s_images.TryGetValue(name, out shared!))
            {
                shared = new SharedImage(name, chain);
                s_images.Add(name, shared);
            }

            shared._stores++;
        }

        if (!shared.TryAsk(writable))
        {
            shared.Leave();
            throw new BlockException($"'{chain}' is being served for reading only; end that before it is served for writing");
        }

        return shared;
    }

    /// <summary>Counts a store out; the last one closes the image.</summary>
    public void Leave()
    {
        lock (s_lock)
        {
            _stores--;
            if (_stores == 0)
            {
                s_images.Remove(_name);
                _open?.Dispose();
                _open = null;
            }
        }
    }

    /// <summary>Looks for a file: in the image as it is open, or else in one that is opened for a moment.</summary>
    /// <exception cref="IOException">The image or the file cannot be had; the message is one line.</exception>
    public FoundFile Find(string file, bool writable)
    {
        lock (_openLock)
        {
            if (_open is not null)
            {
                return _open.Find(file, writable);
            }

            using var look = new OpenImage(_chain, writable);
            return look.Find(file, writable);
        }
    }

    /// <summary>The image, opened at the first call.</summary>
    /// <exception cref="IOException">It cannot be had; the message is one line.</exception>
    public OpenImage Open()
    {
        lock (_openLock)
        {
            return _open ??= new OpenImage(_chain, _writable);
        }
    }

    private bool TryAsk(bool writable)
    {
        lock (_openLock)
        {
            _writable |= writable && _open is null;
            return !writable || _writable;
        }
    }
}
