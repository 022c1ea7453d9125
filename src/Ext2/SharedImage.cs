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
    private int _holders;
    private bool _hasClients;
    private OpenImage? _open;

    private SharedImage(string name, string chain)
    {
        _name = name;
        _chain = chain;
    }

    /// <summary>The chain that the image is, also while it is being opened once more; null where it could not be opened.</summary>
    public BlockGraph? Graph => _open?.Graph;

    /// <summary>Counts in a store, or whoever else needs the image; the first one opens it, for as long as anybody needs it.</summary>
    /// <param name="image">A path, or a chain.</param>
    /// <param name="writable">It is to be changed.</param>
    /// <exception cref="IOException">It cannot be had, or is open for reading only and cannot be opened once more; the message is one line.</exception>
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

            shared._holders++;
        }

        try
        {
            shared.Open(writable);
            return shared;
        }
        catch
        {
            shared.Leave();
            throw;
        }
    }

    /// <summary>Counts one out; the last one closes the image.</summary>
    public void Leave()
    {
        lock (s_lock)
        {
            _holders--;
            if (_holders == 0)
            {
                s_images.Remove(_name);
                _open?.Dispose();
                _open = null;
            }
        }
    }

    /// <summary>Looks for a file.</summary>
    /// <exception cref="IOException">It cannot be had; the message is one line.</exception>
    public FoundFile Find(string file, bool writable, bool follow)
    {
        lock (_openLock)
        {
            if (_hasClients && Opened.Graph.ThreadModel != ThreadModel.Parallel)
            {
                string strictest = ThreadModels.StrictestOf(Opened.Graph.Top).Block.Name;
                throw new BlockException(
                    $"'{_chain}' is in use, and '{strictest}' in it does not allow that one more file is looked up meanwhile; name all files when the server starts");
            }

            return Opened.Find(file, writable, follow);
        }
    }

    /// <summary>One store more stands on it. Not while it is being opened once more, which takes along those that it finds.</summary>
    /// <exception cref="BlockException">It could not be opened once more.</exception>
    public void AddUser(IBlock store)
    {
        lock (_openLock)
        {
            Opened.Graph.AddUser(store);
        }
    }

    /// <summary>The image for a store that begins to serve clients.</summary>
    public OpenImage Use()
    {
        lock (_openLock)
        {
            _hasClients = true;
            return Opened;
        }
    }

    // Under the lock: another store may have tried to open it once more since this one counted in.
    private OpenImage Opened => _open ?? throw new BlockException($"'{_chain}' could not be opened again");

    private void Open(bool writable)
    {
        lock (_openLock)
        {
            if (_open is null)
            {
                _open = new OpenImage(_chain, writable);
            }
            else if (writable && !_open.IsWritable)
            {
                OpenOnceMore();
            }
        }
    }

    /// <summary>For writing, which only now is asked for: nobody has begun to use it.</summary>
    private void OpenOnceMore()
    {
        OpenImage before = _open!;
        if (_hasClients || BlockNode.Of(before.Graph.Top).Id is not null)
        {
            throw new BlockException($"'{_chain}' is being served for reading only; end that before it is served for writing");
        }

        before.Dispose();
        try
        {
            var again = new OpenImage(_chain, writable: true);
            foreach (IBlock store in before.Graph.Users)
            {
                again.Graph.AddUser(store);
            }

            // Last: whoever asks a store what it stands on finds one that knows it.
            _open = again;
        }
        catch
        {
            _open = null;
            throw;
        }
    }
}
